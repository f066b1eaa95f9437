// What makes the library a module of Postgres: the magic block, the settings, and what is set up while
// shared_preload_libraries load: the board, the launcher and the utility hook.
// Loaded later, by a session's first call, it has the functions only: no board and no workers.
#include "api/schedule/cron_settings.hpp"
#include "api/testing/fake_now.hpp"
#include "api/utility_hook.hpp"
#include "board/board.hpp"
#include "board/settings.hpp"
#include "pg/entry.hpp"
#include "pg/guc.hpp"
#include "pg/launch.hpp"
#include "store/feed/projections.hpp"
#include "store/schedules/cron_runs.hpp"
#include "store/workflows/effects.hpp"

FOREMAN_MODULE_MAGIC("pg_foreman", "1.0")

namespace foreman::api {

namespace {

constexpr int kMaxExecutors = board::kMaxSlots;
constexpr int kMaxMs = 3'600'000;

// Settings that size the board, or that bind superusers, cannot be created after the start; without a board they mean nothing, but
// names that stand in the configuration must stay known.
GucContext at_start() noexcept {
    return process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP;
}

void define_settings() {
    namespace s = foreman::settings;
    pg::define_int({"foreman.board_memory", "Shared memory of the engine: ranges, queues, leases, keys.",
                    at_start(), GUC_UNIT_MB},
                   &s::board_memory_mb, 64, 8, 4096);
    pg::define_int(
        {"foreman.cancel_grace",
         "Time from interrupting a handler to ending its session, when it does not heed the interrupt.",
         PGC_SIGHUP, GUC_UNIT_MS},
        &s::cancel_grace_ms, 5000, 0, kMaxMs);
    pg::define_bool(
        {"foreman.enabled", "Lets workers claim jobs in this server; turn it off in clones and restores.",
         PGC_SIGHUP},
        &s::enabled, true);
    pg::define_int({"foreman.executor_memory_limit",
                    "Address space of an executor, beyond which its handler gets an error; 0 sets no limit.",
                    PGC_SIGHUP, GUC_UNIT_MB},
                   &s::executor_memory_limit_mb, 0, 0, MAX_KILOBYTES / 1024);
    pg::define_string(
        {"foreman.fake_now",
         "The clock of this session's own calls of foreman, for tests; empty for the server's clock.",
         PGC_SUSET},
        &fake_now_text, nullptr, foreman_check_fake_now, foreman_assign_fake_now);
    pg::define_int(
        {"foreman.max_crashes",
         "Crashes of the server after which the job that brought them about is a dead letter.", PGC_SIGHUP},
        &s::max_crashes, 2, 1, 1000);
    pg::define_int({"foreman.max_executors",
                    "Executors that run jobs at the same time, in all databases together.", PGC_SIGHUP},
                   &s::max_executors, 4, 0, kMaxExecutors);
    pg::define_int({"foreman.max_interruptions",
                    "Times in a row that somebody may terminate the executor of a job before it is a dead "
                    "letter; 0 sets no limit.",
                    PGC_SIGHUP},
                   &s::max_interruptions, 100, 0, 32'000);
    pg::define_int(
        {"foreman.max_waiters", "Sessions that wait in await() and wait_for_job() at a time.", at_start()},
        &s::max_waiters, std::max(1, MaxConnections / 4), 0, 262'143);
    pg::define_int({"foreman.poll_interval",
                    "Time between two looks of a dispatcher that nothing woke; work is announced without it.",
                    PGC_SIGHUP, GUC_UNIT_MS},
                   &s::poll_interval_ms, 5000, 100, kMaxMs);
    pg::define_int(
        {"foreman.retain_publishes",
         "Time that publishes and their idempotency keys are kept; longer while a delivery is under way or "
         "a dead letter.",
         PGC_SIGHUP, GUC_UNIT_S},
        &s::retain_publishes_s, 7 * SECS_PER_DAY, 0, 3653 * SECS_PER_DAY);
    pg::define_int(
        {"foreman.shutdown_grace",
         "Time that running handlers may go on after foreman.stop() or when the server shuts down.",
         PGC_SIGHUP, GUC_UNIT_MS},
        &s::shutdown_grace_ms, 5000, 0, kMaxMs);
    pg::define_bool(
        {"foreman.superuser_handlers",
         "Lets handlers, commands, projections and types of workflows run as superusers.", at_start()},
        &s::superuser_handlers, true);
    pg::reserve_prefix("foreman");
}

void register_launcher() {
    pg::WorkerSpec spec{};
    spec.library = "pg_foreman";
    spec.function = "foreman_launcher_main";
    spec.name = "pg_foreman launcher";
    spec.type = "pg_foreman launcher";
    spec.restart_seconds = 1;
    pg::register_worker(spec);
}

void set_up() {
    define_settings();
    define_cron_settings();
    store::observe_cron_runs();
    store::observe_workflow_jobs();
    store::observe_projection_jobs();
    if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade) return;
    board::request_board(settings::board_memory_mb, settings::max_waiters);
    register_launcher();
    install_utility_hook();
}

}  // namespace
}  // namespace foreman::api

extern "C" FOREMAN_EXPORT void _PG_init(void);

void _PG_init(void) {
    foreman::pg::run_guarded([](void*) { foreman::api::set_up(); }, nullptr);
}
