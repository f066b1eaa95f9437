// See settings.hpp; initial values are set again when the settings are defined.
#include "board/settings.hpp"

namespace foreman::settings {

constinit bool enabled = true;
constinit bool superuser_handlers = true;
constinit int max_executors = 4;
constinit int shutdown_grace_ms = 5000;
constinit int cancel_grace_ms = 5000;
constinit int executor_memory_limit_mb = 0;
constinit int max_crashes = 2;
constinit int max_interruptions = 100;
constinit int max_waiters = 25;
constinit int board_memory_mb = 64;
constinit int poll_interval_ms = 5000;
constinit int retain_publishes_s = 604'800;

}  // namespace foreman::settings
