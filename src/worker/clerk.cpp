// See clerk.hpp.
#include "worker/clerk.hpp"

#include "board/eviction.hpp"
#include "pg/call.hpp"
#include "pg/compat.hpp"
#include "pg/datum.hpp"
#include "pg/latch.hpp"
#include "pg/memory.hpp"
#include "pg/xact.hpp"
#include "store/db/schema.hpp"
#include "store/schedules/cron_jobs.hpp"
#include "store/schedules/cron_records.hpp"
#include "worker/interrupts.hpp"

namespace foreman::worker {

namespace {

constexpr int kChunk = 200;
constexpr core::Micros kLinger = core::seconds(10);  // a process is not started each second
constexpr core::Micros kRestart = core::seconds(1);  // after it could not be started, or ended by itself
constexpr core::Micros kStarting = core::milliseconds(100);  // look again whether it is there
constexpr core::Micros kLockedRetry = core::milliseconds(200);

// What a commit loses here in a crash is lost together with the removal of its note, and done again. No row
// or sequence is waited for for long.
void set_up_session() {
    pg::guarded([] {
        SetConfigOption("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION);
        SetConfigOption("lock_timeout", "1s", PGC_USERSET, PGC_S_SESSION);
        SetConfigOption("application_name", board::kClerkProcess, PGC_USERSET, PGC_S_SESSION);
    });
}

extern "C" void foreman_clerk_exit(int, Datum) { store::leave_clerk(); }

class Desk {
  public:
    /// Records what is due.  returns: when to look again; nothing: all is recorded
    std::optional<core::Micros> work();

  private:
    /// returns: false when somebody has locked the table; a note that failed is postponed
    bool record(int64 run_id);
    static bool move_run_ids_on();
    void postpone(int64 run_id, const char* message);

    bool said_failed_ = false;
};

bool Desk::record(int64 run_id) {
    for (bool again : {true, false}) {
        try {
            pg::Transaction tx;
            if (!store::record_run(run_id)) return false;
            tx.commit();
            return true;
        } catch (const pg::PgError& e) {
            if (e.sqlstate() == ERRCODE_ADMIN_SHUTDOWN) throw;
            if (ShutdownRequestPending) return false;  // the note stays
            if (again && store::met_old_run_id(e) && move_run_ids_on()) continue;
            postpone(run_id, e.message());
        }
        break;
    }
    return true;
}

// What made it stand there, a restore or somebody's setval(), is done once.
bool Desk::move_run_ids_on() {
    pg::Transaction tx;
    const bool moved = store::move_record_ids_on();
    tx.commit();
    if (moved)
        pg::log(LOG, "pg_foreman: cron.runid_seq stood behind rows of cron.job_run_details and was moved on");
    return moved;
}

void Desk::postpone(int64 run_id, const char* message) {
    pg::Transaction tx;
    store::postpone_record(run_id, message);
    tx.commit();
    if (std::exchange(said_failed_, true)) return;
    pg::log(LOG,
            pg::Failure(ERRCODE_TRIGGERED_ACTION_EXCEPTION,
                        "pg_foreman cannot record runs in cron.job_run_details and tries again: %s", message)
                .hint("Look at the triggers and constraints of that table; the jobs run all the same."));
}

std::optional<core::Micros> Desk::work() {
    const pg::Context context("foreman records");
    pg::ContextResource memory(context);
    pg::vector<int64> due(&memory);
    std::optional<core::Instant> next;
    do {
        due.clear();
        {
            pg::Transaction tx;
            if (!store::find_cron() || store::find_schema() == nullptr) return std::nullopt;
            store::due_records(pg::clock_now(), kChunk, &due);
            if (due.empty()) next = store::next_record();
            tx.commit();
        }
        for (const int64 id : due) {
            attend();
            if (ShutdownRequestPending || !record(id)) return kLockedRetry;
        }
    } while (!due.empty());
    if (!next) {
        said_failed_ = false;
        return std::nullopt;
    }
    return std::max(*next - pg::clock_now(), core::milliseconds(1));
}

}  // namespace

void Clerk::keep(core::Instant steady) {
    if (ended()) {
        handle_.reset();
        wanted_ = true;  // what it did not see
    }
    if (wanted_ && store::wake_clerk()) wanted_ = false;
    if (wanted_ && handle_) not_before_ = steady + kStarting;
    if (!wanted_ || steady < not_before_) return;
    Oid role = InvalidOid;
    {
        pg::Transaction tx;
        const std::optional<store::CronSchema> tables = store::find_cron();
        if (tables && store::next_record()) role = tables->owner;
        if (OidIsValid(role) && pg::session_bar(role) != pg::SessionBar::none) {
            if (!std::exchange(said_, true))
                pg::log(LOG,
                        pg::Failure(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
                                    "pg_foreman cannot record runs in cron.job_run_details: the owner of "
                                    "the table may not log in or connect")
                            .hint("Give it LOGIN and CONNECT, or the table another owner."));
            not_before_ = steady + kRestart;
            role = InvalidOid;
        } else {
            wanted_ = OidIsValid(role);
        }
        tx.commit();
    }
    if (OidIsValid(role)) start(role, steady);
}

void Clerk::start(Oid role, core::Instant steady) {
    not_before_ = steady + kRestart;
    const ClerkTicket ticket{database_, role};
    pg::WorkerSpec spec{};
    spec.library = "pg_foreman";
    spec.function = "foreman_clerk_main";
    spec.name = board::kClerkProcess;
    spec.type = board::kClerkProcess;
    spec.restart_seconds = BGW_NEVER_RESTART;
    spec.notify = MyProcPid;
    spec.extra = &ticket;
    spec.extra_bytes = sizeof(ticket);
    handle_ = pg::start_worker(spec);
    if (handle_) {
        said_ = false;
        wanted_ = false;
    } else if (!std::exchange(said_, true)) {
        pg::log(LOG,
                pg::Failure(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
                            "pg_foreman cannot record runs in cron.job_run_details: no background worker "
                            "slot is free")
                    .hint("Raise max_worker_processes."));
    }
}

void clerk_main(const ClerkTicket& ticket) {
    install_signal_handlers(true);
    pg::guarded([&ticket] {
        BackgroundWorkerInitializeConnectionByOid(ticket.database, ticket.role,
                                                  pg::compat::kBypassRoleLoginCheck);
    });
    if (!store::become_clerk()) return;
    pg::guarded([] { before_shmem_exit(foreman_clerk_exit, Datum{0}); });
    set_up_session();
    const uint32 event = pg::wait_event("ForemanClerkIdle");
    Desk desk;
    core::Instant until = pg::steady_now() + kLinger;
    for (;;) {
        attend();
        if (ShutdownRequestPending) return;
        const std::optional<core::Micros> next = desk.work();
        if (ShutdownRequestPending) return;
        const core::Instant steady = pg::steady_now();
        if (!next && steady >= until) return;
        pg::guarded([] {
            pgstat_report_stat(false);
            pgstat_report_activity(STATE_IDLE, nullptr);
        });
        if (pg::wait_latch(next ? *next : until - steady, event) == pg::Wake::latch)
            until = pg::steady_now() + kLinger;
    }
}

}  // namespace foreman::worker
