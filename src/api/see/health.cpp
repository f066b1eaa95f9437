// health(): is everything there that this database needs to run its jobs? One row a question; a detail that
// is not ok says what to set or to do.
//
// needs: bundle operator or monitor on any queue, which comes with the right to execute it.  errors: none of
// its own cost: a few look-ups in shared memory and in the catalogue
#include <algorithm>
#include <csignal>

#include "api/public_function.hpp"
#include "board/board.hpp"
#include "board/databases.hpp"
#include "board/feed.hpp"
#include "board/rotation.hpp"
#include "board/settings.hpp"
#include "board/slots.hpp"
#include "board/tables.hpp"
#include "engine/workflow/functions.hpp"
#include "pg/datum.hpp"
#include "pg/encoding.hpp"
#include "pg/memory.hpp"
#include "pg/process_usage.hpp"
#include "store/commit/identity.hpp"
#include "store/db/clock.hpp"
#include "store/db/release.hpp"
#include "store/definitions/stray_rights.hpp"
#include "store/feed/projections.hpp"
#include "store/jobs/jobs.hpp"
#include "store/publish/subscriptions.hpp"
#include "store/schedules/cron_jobs.hpp"
#include "store/schedules/cron_records.hpp"
#include "store/upkeep/roles.hpp"
#include "store/upkeep/upkeep.hpp"
#include "store/workflows/dead.hpp"
#include "store/workflows/listing.hpp"

namespace foreman::api {

namespace {

// The answers of one call.
class Report {
  public:
    explicit Report(FunctionCallInfo fcinfo) : rows_(fcinfo) {}

    void add(const char* name, bool ok, const char* format, ...) __attribute__((format(printf, 4, 5)));
    Datum done() const noexcept { return rows_.done(); }

  private:
    pg::ResultSet rows_;
};

void Report::add(const char* name, bool ok, const char* format, ...) {
    char detail[512];
    std::va_list args;
    va_start(args, format);
    std::vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    // What did not fit may end inside a character.
    const std::string_view shown{detail, std::strlen(detail)};
    const Datum row[] = {pg::text_datum(name), BoolGetDatum(ok),
                         pg::text_datum(pg::cut_end(shown, sizeof detail - 1))};
    rows_.put(row);
}

bool is_alive(int32 pid) noexcept { return pid != 0 && (kill(pid, 0) == 0 || errno == EPERM); }

constexpr int kLeastMemoryMb = 16;

bool lacks_worker_slot(const board::DatabaseSlot* slot) noexcept {
    return slot != nullptr && slot->exit == static_cast<int32>(board::DispatcherExit::no_worker_slot);
}

constexpr const char* kStandby = "This server is a standby: jobs run on the primary";

void report_processes(Report* report) {
    const bool launcher = is_alive(board::board().launcher_pid);
    report->add("launcher", launcher,
                launcher ? "it runs"
                : RecoveryInProgress()
                    ? kStandby
                    : "It does not run: the server log says why it ended; it starts again by itself");
    const board::DatabaseSlot* slot = board::database_slot(MyDatabaseId);
    const bool dispatcher = slot != nullptr && is_alive(slot->pid);
    const char* detail =
        dispatcher             ? "it runs"
        : RecoveryInProgress() ? kStandby
        : !settings::enabled   ? "It starts when foreman.enabled is on"
        : lacks_worker_slot(slot)
            ? "It cannot start: no background worker slot is free; raise max_worker_processes"
            : "It does not run in this database: run SELECT foreman.start()";
    report->add("dispatcher", dispatcher, "%s", detail);
}

void report_permission(Report* report) {
    switch (store::read_permission()) {
        case store::Permission::runs:
            return report->add("permission", true, "this database runs jobs");
        case store::Permission::stopped:
            return report->add("permission", false,
                               "It was stopped: run SELECT foreman.start() to run jobs again");
        case store::Permission::copied:
            return report->add(
                "permission", false,
                "This database is a copy: run SELECT foreman.start() if it shall run jobs of its own");
    }
}

void report_executors(Report* report) {
    int used = 0;
    int here = 0;
    for (int i = 0; i < board::kMaxSlots; i++) {
        board::SlotReading slot;
        if (!board::read_slot(i, &slot) || slot.state == board::SlotState::dead) continue;
        used++;
        if (slot.database == MyDatabaseId) here++;
    }
    if (settings::max_executors == 0) {
        report->add("executors", false, "foreman.max_executors is 0: set it to 1 or more");
    } else if (settings::executor_memory_limit_mb > 0 &&
               settings::executor_memory_limit_mb < kLeastMemoryMb) {
        report->add("executors", false,
                    "foreman.executor_memory_limit is %d MB, with which none may come to run anything: set "
                    "it to %d MB or more, "
                    "or to 0",
                    settings::executor_memory_limit_mb, kLeastMemoryMb);
    } else {
        report->add("executors", true, "%d of %d are in use, %d of them by this database", used,
                    settings::max_executors, here);
    }
}

// A role without an executor gets the place of another role's as soon as one's handlers end: it waits for long only where
// they all take long.
constexpr core::Micros kLongDemand = core::seconds(10);

void report_held_executors(Report* report) {
    board::OwnDemands demands;
    board::read_demands(MyDatabaseId, &demands);
    const core::Instant steady = pg::steady_now();
    const auto oldest = std::min_element(demands.begin(), demands.end(),
                                         [](const auto& a, const auto& b) { return a.since < b.since; });
    if (oldest == demands.end() || steady - oldest->since < kLongDemand) {
        report->add("executors_held", true, "no role waits for an executor");
        return;
    }
    board::SlotReading longest{};
    for (int i = 0; i < board::kMaxSlots; i++) {
        board::SlotReading slot;
        if (!board::read_slot(i, &slot) || slot.state != board::SlotState::busy) continue;
        if (longest.pid == 0 || slot.started_at < longest.started_at) longest = slot;
    }
    const Oid roles[] = {oldest->role, longest.role};
    const char* names[2];
    pg::guarded([&roles, &names] {
        for (int i = 0; i < 2; i++) {
            const char* name = GetUserNameFromId(roles[i], true);
            names[i] = name != nullptr ? name : "(missing)";
        }
    });
    report->add("executors_held", false,
                "role \"%s\" has waited for an executor for " INT64_FORMAT
                " s, since all of them run what takes long, the longest in process %d of role \"%s\": raise "
                "foreman.max_executors, or give those jobs a timeout or their queue max_running",
                names[0], (steady - oldest->since).us / 1'000'000, longest.pid, names[1]);
}

// Their commits wait for ever when it has gone, as those of all sessions do.
void report_standby(Report* report) {
    int waiting = 0;
    int32 first = 0;
    for (int i = 0; i < board::kMaxSlots; i++) {
        board::SlotReading slot;
        if (!board::read_slot(i, &slot) || slot.database != MyDatabaseId || !pg::waits_for_standby(slot.pid))
            continue;
        if (waiting++ == 0) first = slot.pid;
    }
    if (waiting == 0) return report->add("standby", true, "no executor waits for a synchronous standby");
    report->add("standby", false,
                "%d executor(s), %d among them, wait for a synchronous standby: start it, or change "
                "synchronous_standby_names",
                waiting, first);
}

int setting(const char* name) {
    const char* value = pg::guarded([name] { return GetConfigOption(name, true, false); });
    return value == nullptr ? 0 : std::atoi(value);
}

// The launcher, its dispatchers and all executors; the server's own logical replication launcher takes one
// too, and so does the clerk that records runs of cron.job.
void report_worker_processes(Report* report) {
    int dispatchers = 0;
    for (const board::DatabaseSlot& d : board::board().databases) {
        if (d.database != InvalidOid && (d.has_extension || d.pid != 0)) dispatchers++;
    }
    dispatchers = std::max(dispatchers, 1);
    const int others =
        (setting("max_logical_replication_workers") > 0 ? 1 : 0) + (store::find_cron() ? 1 : 0);
    const int needed = 1 + dispatchers + settings::max_executors + others;
    const bool ok = max_worker_processes >= needed;
    report->add(
        "worker_processes", ok,
        ok ? "max_worker_processes is %d, %d of them are for the launcher, %d dispatcher(s), %d executors"
           : "max_worker_processes is %d: set it to %d or more, for the launcher, %d dispatcher(s) and %d "
             "executors",
        max_worker_processes, ok ? needed - others : needed, dispatchers, settings::max_executors);
}

// Whoever found no room in a table stands, or is served later: said for so long after the last time.
constexpr core::Micros kFullForAWhile = core::minutes(5);

void report_board(Report* report) {
    const core::Instant now = pg::clock_now();
    int full = 0;
    for (const board::TableReading& t : board::read_board_tables(now)) {
        if (t.refused_at + kFullForAWhile < now) continue;
        full++;
        char name[32];
        std::snprintf(name, sizeof(name), "board_%s", t.name);
        report->add(
            name, false, "%u of %u places for %s are in use, and somebody found none: %s%s", t.used,
            t.capacity, t.holds,
            t.setting == nullptr ? "what is not on the board is read from rows, or refused" : "raise ",
            t.setting == nullptr ? "" : t.setting);
    }
    report->add("board_memory", full == 0,
                full == 0 ? "all tables in shared memory have room"
                          : "%d of its tables are full: the rows board_... say which",
                full);
}

void report_history(Report* report) {
    const core::Instant now = store::now();
    const bool today = store::partition_ready(store::kHistory, now);
    const bool ready = today && store::partition_ready(store::kHistory, now + core::days(1));
    report->add("history", ready, "%s",
                ready   ? "the partitions of today and tomorrow are there"
                : today ? "The partition of tomorrow is missing: run SELECT foreman.prune_once()"
                        : "The partition of today is missing: run SELECT foreman.prune_once()");
}

void report_duties(Report* report) {
    constexpr std::string_view kPrefix = "pg_foreman: ";
    board::FailingDuty failing{};
    if (!board::read_failing(&failing))
        return report->add("duties", true, "the dispatcher does all its work");
    const std::string_view duty = failing.duty;
    report->add("duties", false, "%s fails since " INT64_FORMAT " s: %s",
                failing.duty + (duty.starts_with(kPrefix) ? kPrefix.size() : 0), failing.seconds,
                failing.error);
}

// One now and then is an operator's; a job that never gets to its end waits for whoever does it to stop.
void report_interruptions(Report* report) {
    constexpr int64 kTooMany = 3;
    const store::Interrupted i = store::interrupted_jobs();
    if (i.times < kTooMany)
        return report->add("interruptions", true, "nobody terminates executors again and again");
    report->add("interruptions", false,
                "Somebody terminated the executor of job " INT64_FORMAT " " INT64_FORMAT
                " times in a row, of " INT64_FORMAT " such jobs: the server log says when",
                i.worst, i.times, i.jobs);
}

// Users lock cron.job_run_details and put triggers on it.
void report_cron_records(Report* report) {
    if (!store::find_cron()) return;
    const store::Unrecorded u = store::unrecorded_runs();
    if (u.runs == 0) return report->add("cron_records", true, "cron.job_run_details has every run");
    report->add("cron_records", false,
                INT64_FORMAT " runs are not in cron.job_run_details, the first since " INT64_FORMAT " s: %s",
                u.runs, u.seconds,
                u.error[0] != '\0'
                    ? u.error
                    : "somebody has locked it, a trigger is slow, or no background worker slot is free");
}

// A right that default privileges, a restore or somebody by hand gave opens what bundles and queues keep
// apart.
void report_rights(Report* report) {
    const store::StrayRights stray = store::stray_rights();
    if (stray.count == 0)
        return report->add("rights", true, "nobody has rights that grant_role() did not give");
    report->add("rights", false, "%s, which grant_role() did not give; " INT64_FORMAT " such: REVOKE them",
                stray.first, stray.count);
}

// What waits for a function, and would fail each time.
void report_workflow_types(Report* report) {
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<Datum> types(&memory);
    store::seen_workflow_types(false, CurrentMemoryContext, &types);
    int troubled = 0;
    std::optional<pg::Failure> first;
    for (const Datum name : types) {
        const store::WorkflowType& type = store::find_workflow_type(pg::text_view(name));
        if (!type.exists) continue;
        try {
            engine::functions_of(type);
        } catch (const pg::Failure& f) {
            if (troubled++ == 0) first = f;
        }
    }
    if (!first) return report->add("workflow_types", true, "the functions of all types are there");
    report->add("workflow_types", false, "%s: %s; %d such types", first->message(), first->hint(), troubled);
}

void report_workflow_inputs(Report* report) {
    const int64 dead = store::dead_workflow_inputs();
    report->add("workflow_inputs", dead == 0,
                dead == 0 ? "no input of a workflow is a dead letter"
                          : INT64_FORMAT
                    " inputs of workflows could not be handled: "
                    "foreman.workflow_dead_letters(what => 'input') lists them",
                dead);
}

// Deliveries that nobody fetches: workers outside need no handler, and take what is due at once.
void report_subscriptions(Report* report) {
    const store::Unheard u = store::unheard_subscriptions(store::now() - core::minutes(1));
    if (u.subscriptions == 0)
        return report->add("subscriptions", true, "deliveries of all subscriptions are taken");
    report->add(
        "subscriptions", false,
        "Deliveries of subscription \"%.*s\" wait: kind \"%.*s\" has no handler and no worker outside "
        "takes it; " INT64_FORMAT " such subscriptions",
        static_cast<int>(u.name.size()), u.name.data(), static_cast<int>(u.kind.size()), u.kind.data(),
        u.subscriptions);
}

// Events that others append meanwhile are committed, and readers do not get them yet.
void report_feed(Report* report) {
    constexpr core::Micros kTooLong = core::minutes(1);
    const board::OpenAppend open = board::oldest_append(MyDatabaseId);
    const core::Micros age = open.pid == 0 ? core::Micros{0} : store::now() - open.since;
    if (age < kTooLong) return report->add("feed", true, "readers of events wait for no long transaction");
    report->add(
        "feed", false,
        "Readers of events and projections wait for the transaction of process %d, which has appended events "
        "and is open for " INT64_FORMAT " s: end it",
        open.pid, age.us / 1'000'000);
}

// Ended workflows whose events it has not seen are kept until it has.
void report_projections(Report* report) {
    const store::FailingProjection f = store::failing_projection(CurrentMemoryContext);
    if (f.projections == 0) return report->add("projections", true, "no projection fails");
    report->add("projections", false,
                "Projection \"%.*s\" fails: foreman.projections says at which position and why; " INT64_FORMAT
                " such projections",
                static_cast<int>(f.name.size()), f.name.data(), f.projections);
}

// Work that waits for nothing but a role.
void report_roles(Report* report) {
    const store::TroubledRoles t = store::troubled_roles();
    if (t.missing > 0) {
        return report->add("roles", false,
                           "missing: %s%s; what waits for them: " INT64_FORMAT
                           " handlers with their jobs, " INT64_FORMAT " schedules, " INT64_FORMAT
                           " cron jobs: run SELECT foreman.reassign_role(name, role)",
                           t.names, t.missing > store::kNamedRoles ? " and others" : "", t.handlers,
                           t.schedules, t.cron_jobs);
    }
    if (t.barred > 0) {
        return report->add("roles", false,
                           "role \"%s\" lacks %s: its handlers do not run; " INT64_FORMAT " such roles",
                           t.barred_name, t.lacks, t.barred);
    }
    report->add("roles", true,
                t.grants > 0 ? "all handlers can run; " INT64_FORMAT " grants of roles that are missing"
                             : "all roles of handlers and schedules are there",
                t.grants);
}

// false: nothing else can be asked.
bool report_release(Report* report) {
    if (const auto other = store::find_misfit()) {
        const pg::Failure why = store::misfit_failure(*other);
        report->add("release", false, "%s. %s", why.message(), why.hint());
        return false;
    }
    report->add("release", true, "library and objects are of version %s", store::library_version());
    return true;
}

}  // namespace

FOREMAN_PUBLIC(health) {
    Report report(fcinfo);
    const bool preloaded = board::board_present();
    report.add("preload", preloaded,
               preloaded
                   ? "the library is preloaded"
                   : "Add pg_foreman to shared_preload_libraries and restart the server: no worker runs");
    report.add("enabled", settings::enabled,
               settings::enabled ? "foreman.enabled is on"
                                 : "Set foreman.enabled = on and reload the configuration");
    if (!report_release(&report)) return report.done();
    if (preloaded) report_processes(&report);
    report_permission(&report);
    if (preloaded) {
        report_executors(&report);
        report_held_executors(&report);
        report_standby(&report);
        report_worker_processes(&report);
        report_board(&report);
    }
    if (preloaded) report_duties(&report);
    report_history(&report);
    report_rights(&report);
    report_roles(&report);
    report_workflow_types(&report);
    report_workflow_inputs(&report);
    if (preloaded) report_feed(&report);
    report_projections(&report);
    report_subscriptions(&report);
    report_interruptions(&report);
    report_cron_records(&report);
    return report.done();
}

}  // namespace foreman::api
