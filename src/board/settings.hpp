// The settings of the workers, as C++ variables. Defined by api/module.cpp; read by whoever needs them.
#pragma once

namespace foreman::settings {

extern bool enabled;
extern bool superuser_handlers;
extern int max_executors;
extern int shutdown_grace_ms;
extern int cancel_grace_ms;
extern int executor_memory_limit_mb;
extern int max_crashes;
extern int max_interruptions;
extern int max_waiters;
extern int board_memory_mb;
extern int poll_interval_ms;
extern int retain_publishes_s;

}  // namespace foreman::settings
