// The settings cron.*, as C++ variables. Defined by api/schedule/cron_settings.cpp unless pg_cron defines
// them; read by the functions of schema cron and by what fires their jobs.
#pragma once

namespace foreman::settings {

extern char* cron_database_name;
extern bool cron_enable_superuser_jobs;
extern char* cron_host;
extern bool cron_launch_active_jobs;
extern int cron_log_min_messages;
extern bool cron_log_run;
extern bool cron_log_statement;
extern int cron_max_running_jobs;
extern char* cron_timezone;
extern bool cron_use_background_workers;

}  // namespace foreman::settings
