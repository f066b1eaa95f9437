// See cron_settings.hpp. Some of them mean nothing here; they are known so that a configuration that was
// written for pg_cron is accepted.
#include "api/schedule/cron_settings.hpp"

#include "pg/entry.hpp"
#include "pg/guc.hpp"
#include "pg/memory.hpp"
#include "pg/time_zone.hpp"
#include "store/schedules/cron_settings.hpp"

namespace foreman::api {

namespace {

constexpr config_enum_entry kLevels[] = {
    {"debug5", DEBUG5, false}, {"debug4", DEBUG4, false}, {"debug3", DEBUG3, false},
    {"debug2", DEBUG2, false}, {"debug1", DEBUG1, false}, {"debug", DEBUG2, true},
    {"info", INFO, false},     {"notice", NOTICE, false}, {"warning", WARNING, false},
    {"error", ERROR, false},   {"log", LOG, false},       {"fatal", FATAL, false},
    {"panic", PANIC, false},   {nullptr, 0, false}};

// pg_cron's context, which is possible at the start of the server only.
GucContext at_start() noexcept {
    return process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP;
}

extern "C" bool foreman_check_cron_timezone(char** value, void**, GucSource) {
    struct Check {
        const char* name;
        bool found;
    } check{*value, false};
    if (check.name != nullptr) {
        pg::run_guarded(
            [](void* arg) {
                auto* c = static_cast<Check*>(arg);
                c->found = pg::find_time_zone(c->name).has_value();
            },
            &check);
    }
    if (check.found) return true;
    GUC_check_errdetail("Allowed: the names in pg_catalog.pg_timezone_names.");
    return false;
}

// A library may be named with its directory and suffix.
bool is_pg_cron(std::string_view library) noexcept {
    if (const auto slash = library.rfind('/'); slash != std::string_view::npos)
        library.remove_prefix(slash + 1);
    return library == "pg_cron" || library == "pg_cron.so";
}

bool pg_cron_is_preloaded() {
    const char* libraries = shared_preload_libraries_string;
    if (libraries == nullptr || libraries[0] == '\0') return false;
    char* copy = pg::copy_text(libraries);
    List* names = nullptr;
    List** out = &names;
    if (!pg::guarded([copy, out] { return SplitDirectoriesString(copy, ',', out); })) return false;
    for (ListCell* lc = list_head(names); lc != nullptr; lc = lnext(names, lc)) {
        if (is_pg_cron(static_cast<const char*>(lfirst(lc)))) return true;
    }
    return false;
}

}  // namespace

void define_cron_settings() {
    namespace s = foreman::settings;
    if (pg_cron_is_preloaded()) return;
    pg::define_string(
        {"cron.database_name", "Accepted for pg_cron's sake: each database has its own jobs.", at_start()},
        &s::cron_database_name, "postgres");
    pg::define_bool({"cron.enable_superuser_jobs", "Lets jobs of cron.job run as superusers.", at_start()},
                    &s::cron_enable_superuser_jobs, true);
    pg::define_string({"cron.host", "What cron.job.nodename shows.", at_start()}, &s::cron_host, "localhost");
    pg::define_bool({"cron.launch_active_jobs",
                     "Lets the jobs of cron.job run; off: also cancels those that do.", PGC_SIGHUP},
                    &s::cron_launch_active_jobs, true);
    pg::define_enum(
        {"cron.log_min_messages", "Accepted for pg_cron's sake; see log_min_messages.", PGC_SIGHUP},
        &s::cron_log_min_messages, WARNING, kLevels);
    pg::define_bool({"cron.log_run", "Records runs in cron.job_run_details.", at_start()}, &s::cron_log_run,
                    true);
    pg::define_bool(
        {"cron.log_statement", "Logs each command of cron.job when it starts and ends.", at_start()},
        &s::cron_log_statement, true);
    pg::define_int({"cron.max_running_jobs",
                    "Jobs of cron.job that may run at the same time; foreman.max_executors bounds them, too.",
                    at_start()},
                   &s::cron_max_running_jobs, 5, 0, 262'143);
    pg::define_string({"cron.timezone", "Time zone of the schedules of cron.job.", at_start()},
                      &s::cron_timezone, "GMT", foreman_check_cron_timezone);
    pg::define_bool(
        {"cron.use_background_workers", "Accepted for pg_cron's sake: jobs always run in them.", at_start()},
        &s::cron_use_background_workers, false);
    pg::reserve_prefix("cron");
}

}  // namespace foreman::api
