// See cron_settings.hpp; initial values are set again when the settings are defined.
#include "store/schedules/cron_settings.hpp"

#include "pg/prelude.hpp"

namespace foreman::settings {

constinit char* cron_database_name = nullptr;
constinit bool cron_enable_superuser_jobs = true;
constinit char* cron_host = nullptr;
constinit bool cron_launch_active_jobs = true;
constinit int cron_log_min_messages = WARNING;
constinit bool cron_log_run = true;
constinit bool cron_log_statement = true;
constinit int cron_max_running_jobs = 5;
constinit char* cron_timezone = nullptr;
constinit bool cron_use_background_workers = false;

}  // namespace foreman::settings
