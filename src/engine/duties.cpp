// See duties.hpp.
#include "engine/duties.hpp"

#include <optional>

#include "board/debug_points.hpp"
#include "board/flight_recorder.hpp"
#include "board/settings.hpp"
#include "board/slots.hpp"
#include "board/unsettled.hpp"
#include "board/waits.hpp"
#include "engine/procedure_lane.hpp"
#include "pg/call.hpp"
#include "pg/memory.hpp"
#include "pg/xact.hpp"
#include "store/commit/remember.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/definitions.hpp"
#include "store/jobs/blocked.hpp"
#include "store/jobs/control.hpp"
#include "store/jobs/expire.hpp"
#include "store/jobs/jobs.hpp"
#include "store/jobs/leases.hpp"
#include "store/jobs/raise.hpp"
#include "store/jobs/revive.hpp"
#include "store/jobs/settle.hpp"

namespace foreman::engine {

namespace {

constexpr const char* kOwnFault = "the handler ended its session";
constexpr int kReviveBatch = 500;
constexpr int kReviveAlone = 50;
constexpr core::Micros kBadLeaseRetry = core::minutes(1);
constexpr core::Micros kOffBoardPause = core::seconds(1);
constexpr core::Micros kEndingRetry = core::milliseconds(200);

// Whether the process that leased the job still has it, or its slot still tells how it ended, which is settled first: a
// process that has just gone has no number there any more. After a restart a pid may be another's: an executor that does
// not run this job was idle or at another since, and a session is younger than the server.
bool is_held(const store::Lease& lease, Oid database) {
    std::optional<bool> by_pid;
    for (int i = 0; board::board_present() && i < board::kMaxSlots; i++) {
        board::SlotReading r{};
        if (!board::read_slot(i, &r) || r.database != database) continue;
        if (r.job_id == lease.job_id) return true;
        if (r.pid == lease.pid) by_pid = lease.claimed_at >= r.since;
    }
    if (by_pid) return *by_pid;
    if (lease.claimed_at.us < PgStartTime) return false;
    const PGPROC* session = pg::call<&BackendPidGetProc>(lease.pid);
    return session != nullptr && session->databaseId == database;
}

// The attempt was broken off from outside: it is charged to nobody, or the job is a dead letter when that
// happened often enough.
void settle_broken_off(store::Job* job, const char* sqlstate, const char* text, bool enough,
                       MemoryContext context) {
    store::AttemptError error{store::now(), job->attempt + 1, sqlstate, text, "", "", ""};
    store::Attempt attempt;
    attempt.started_at = store::now();
    attempt.alone_next = true;
    attempt.error = error;
    if (enough) {
        attempt.outcome = core::Outcome::discarded;
        attempt.reason = text;
    } else {
        error.uncharged = true;
        attempt.outcome = core::Outcome::broken_off;
        job->errors = store::append_error(job->errors, error, context);
    }
    store::settle(*job, attempt, context);
}

// Somebody terminated the executor of this job. It is charged no attempt; after so many times in a row it is
// a dead letter.
void count_interruption(int64 id, bool leased, MemoryContext context) {
    store::Job job{};
    if (!(leased ? store::take_leased_any(id, context, &job) : store::take_waiting(id, context, &job)))
        return;
    if (job.interruptions < PG_INT16_MAX) job.interruptions++;
    char text[128];
    std::snprintf(text, sizeof(text), "its executor was terminated while it ran (%d times in a row)",
                  job.interruptions);
    const bool enough = settings::max_interruptions > 0 && job.interruptions >= settings::max_interruptions;
    settle_broken_off(&job, "57P01", text, enough, context);
}

// Of a batch nobody knows whom it was meant for: each runs alone next.
void count_interruptions(const board::SlotReading& dead) {
    const pg::Context context("foreman interruptions", CurrentMemoryContext);
    int64 ids[core::kMaxChunk];
    const int n = board::recorded_jobs(dead.slot, ids);
    if (n > 1) {
        store::set_alone({ids, static_cast<std::size_t>(n)});
    } else {
        count_interruption(dead.job_id, dead.outside_group, context.get());
    }
}

}  // namespace

bool read_dead_executor(int slot, Oid database, board::SlotReading* out) noexcept {
    return board::read_slot(slot, out) && out->state == board::SlotState::dead && out->database == database;
}

void settle_dead_executor(const board::SlotReading& dead) {
    const board::SettlingFor scope(dead.slot);
    const bool charged = dead.death == board::Death::own_fault;
    if (dead.death == board::Death::terminated) {
        count_interruptions(dead);
    } else if (dead.outside_group) {
        rescue_leased(dead.job_id, charged, kOwnFault);
    } else if (charged) {
        charge_waiting(dead.job_id, {store::now(), 0, "57P01", kOwnFault, "", "", ""});
    }
}

void forget_dead_executor(const board::SlotReading& dead) noexcept {
    board::free_dead_slot(dead.slot, dead.job_id);
    board::lower_head(dead.held_range, dead.held_key);
}

int64 settle_dead_executors(Oid database) {
    int64 settled = 0;
    for (int i = 0; i < board::kMaxSlots; i++) {
        board::SlotReading dead{};
        if (!read_dead_executor(i, database, &dead)) continue;
        settle_dead_executor(dead);
        forget_dead_executor(dead);
        settled++;
    }
    return settled + rescue_orphans(database);
}

void find_orphans(Oid database, pg::vector<int64>* jobs) {
    pg::Context context("foreman orphans", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<store::Lease> leases(&memory);
    store::leases_in_server(&leases);
    for (const store::Lease& lease : leases) {
        if (!is_held(lease, database)) jobs->push_back(lease.job_id);
    }
}

int64 rescue_orphans(Oid database) {
    pg::Context context("foreman orphans", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<int64> orphans(&memory);
    find_orphans(database, &orphans);
    int64 rescued = 0;
    for (const int64 job : orphans) rescued += rescue_leased(job, false, "") ? 1 : 0;
    return rescued;
}

namespace {

// The board says that a lease ended, and its row cannot be had: the row knows why. Answers when to look
// again.
core::Instant look_at_row_of(Oid database, const store::TokenPair& pair, core::Instant now) {
    const std::optional<store::LeaseRow> row = store::read_lease_row(pair.job_id);
    if (!row) {
        board::drop_lease(database, pair.job_id, pair.token);
    } else if (row->token.bytes != pair.token.bytes) {
        // Claimed anew by a transaction whose commit told nobody, as COMMIT PREPARED does not.
        store::place_lease(pair.job_id, *row, now + row->length);
        return now + row->length;
    } else {
        // Its worker ends it in a transaction that is still open.
        board::postpone_lease_end(database, pair.job_id, now + kEndingRetry);
        return now + kEndingRetry;
    }
    return core::kPlusInfinity;
}

bool fail_lease(const store::TokenPair& pair, core::Instant now, MemoryContext context) {
    pg::ContextResource memory(context);
    pg::vector<store::LeasedJob> taken(&memory);
    store::take_leases({&pair, 1}, context, &taken);
    if (taken.empty()) return false;
    const store::Job& job = taken.front().job;
    store::Attempt attempt;
    attempt.outcome = core::Outcome::failed;
    attempt.started_at = job.claimed_at;
    attempt.error = store::AttemptError{now, job.attempt + 1, "57P01", "lease expired", "", "", ""};
    store::settle(job, attempt, context);
    return true;
}

// Leases that ended by their rows. A heartbeat may have renewed one meanwhile.
int64 revive_rows(const pg::vector<store::TokenPair>& ended, core::Instant now, MemoryContext context) {
    int64 revived = 0;
    for (const store::TokenPair& pair : ended) {
        const std::optional<core::Instant> until = store::lock_lease(pair);
        revived += until && *until <= now && fail_lease(pair, now, context) ? 1 : 0;
    }
    return revived;
}

// Without the board, for rescue_once(): the rows alone say which leases ended.
int64 revive_by_rows(core::Instant now) {
    pg::Context context("foreman revival", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<store::TokenPair> ended(&memory);
    store::ended_lease_rows(now, &ended);
    return revive_rows(ended, now, context.get());
}

// Those that have no room on the board. All leased rows are read for that: not more often than once a second.
int64 revive_off_board(Oid database, core::Instant now) {
    static constinit core::Instant next_look{};
    if (!board::take_leases_off_board(database)) return 0;
    const core::Instant steady = pg::steady_now();
    if (steady < next_look) {
        board::look_at_leases_at(database, now + kOffBoardPause);
        return 0;
    }
    next_look = steady + kOffBoardPause;
    pg::Context context("foreman revival", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<store::TokenPair> ended(&memory);
    store::place_leases_off_board(now, &ended);
    if (ended.size() > kReviveBatch) ended.resize(kReviveBatch);
    // For more of them, what somebody has locked, and those that cannot be revived.
    if (!ended.empty()) board::look_at_leases_at(database, now + kOffBoardPause);
    return revive_rows(ended, now, context.get());
}

// false: there was nothing to revive. next: lowered to the instant at which to look at the lease again.
bool revive(Oid database, const board::LeaseReading& lease, core::Instant now, MemoryContext context,
            core::Instant* next) {
    const store::TokenPair pair{lease.job_id, lease.token};
    // The row first: what is marked on the board is then ours to end.
    if (!store::lock_lease(pair)) {
        *next = std::min(*next, look_at_row_of(database, pair, now));
        return false;
    }
    if (!board::begin_rescue(database, pair.job_id, pair.token, now)) return false;
    board::debug_point(board::DebugPoint::inside_rescue);
    return fail_lease(pair, now, context);
}

// The same, passing over one that cannot be revived.
bool try_to_revive(Oid database, const board::LeaseReading& lease, core::Instant now, MemoryContext context,
                   core::Instant* next) {
    try {
        pg::Subtransaction sub;
        const bool revived = revive(database, lease, now, context, next);
        sub.commit();
        return revived;
    } catch (const pg::PgError& e) {
        if (e.sqlstate() == ERRCODE_ADMIN_SHUTDOWN) throw;
        // No space, no memory: that is not the fault of this one, and may pass at any moment.
        if (ERRCODE_TO_CATEGORY(e.sqlstate()) == ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_RESOURCES)) throw;
        char what[96];
        std::snprintf(what, sizeof(what), "pg_foreman: job " INT64_FORMAT " cannot be revived", lease.job_id);
        pg::log(LOG, what, e);
    }
    board::postpone_lease_end(database, lease.job_id, now + kBadLeaseRetry);
    *next = std::min(*next, now + kBadLeaseRetry);
    return false;
}

}  // namespace

int64 revive_ended_leases(Oid database, core::Instant now, core::Micros most, core::Instant* next,
                          bool each_alone) {
    *next = core::kPlusInfinity;
    if (!board::board_present()) return revive_by_rows(now);
    // Subtransactions past 64 slow down every snapshot of the server.
    const int limit = each_alone ? kReviveAlone : kReviveBatch;
    const core::Instant end = pg::steady_now() + most;
    pg::Context context("foreman revival", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<board::LeaseReading> ended(kReviveBatch, board::LeaseReading{}, &memory);
    const int n = board::ended_leases(database, now, ended.data(), limit, next);
    if (n == limit) *next = now;
    int64 revived = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && pg::steady_now() >= end) {
            *next = now;
            return revived;
        }
        const board::LeaseReading& lease = ended[static_cast<std::size_t>(i)];
        const bool done = each_alone ? try_to_revive(database, lease, now, context.get(), next)
                                     : revive(database, lease, now, context.get(), next);
        revived += done ? 1 : 0;
    }
    return revived + revive_off_board(database, now);
}

namespace {

bool charge_crash(int64 id, MemoryContext context) {
    store::Job job{};
    if (!store::take_waiting(id, context, &job) && !store::take_leased_any(id, context, &job)) return false;
    job.crashes++;
    const bool enough = job.crashes >= settings::max_crashes;
    pg::log(LOG,
            "pg_foreman: job " INT64_FORMAT
            " of kind \"%.*s\" was running in the process that crashed the server (crash %d of %d)",
            id, static_cast<int>(job.kind.size()), job.kind.data(), job.crashes, settings::max_crashes);
    char text[96];
    std::snprintf(text, sizeof(text), "the server crashed while this job was running (crash %d of %d)",
                  job.crashes, settings::max_crashes);
    settle_broken_off(&job, "57P02", text, enough, context);
    return true;
}

// One of them did it. Alone, it will show itself; the others lose nothing but company.
void part_batch(const board::Suspect& s) {
    pg::log(LOG,
            "pg_foreman: a batch of %d jobs, from " INT64_FORMAT
            " on, was running in the process that crashed the server; each runs alone next",
            s.count, s.job_ids[0]);
    store::set_alone({s.job_ids, static_cast<std::size_t>(s.count)});
}

}  // namespace

int64 charge_crashes(Oid database) {
    board::Suspect suspects[board::kMaxSlots];
    const int n = board::take_suspects(database, suspects);
    const pg::Context context("foreman crashes", CurrentMemoryContext);
    int64 charged = 0;
    for (int i = 0; i < n; i++) {
        if (suspects[i].count > 1) {
            part_batch(suspects[i]);
        } else {
            charged += charge_crash(suspects[i].job_ids[0], context.get()) ? 1 : 0;
        }
    }
    return charged;
}

void refresh_roles(Oid database, bool all, core::Micros most) {
    if (all) board::doubt_roles(database);
    // One that is missing may have been left out because nobody here ran it.
    if (all && board::is_off_board(database)) board::note_off_board(database, core::kMinusInfinity);
    store::distrust_handlers();
    const core::Instant end = pg::steady_now() + most;
    for (uint32 at = 0; pg::steady_now() < end;) {
        const board::RangeRef ref = board::take_unsure_range(database, &at);
        if (!ref.valid()) return;
        board::RangeChoice range;
        if (!board::describe_range(ref, &range)) continue;
        board::set_range_role(ref, store::role_of(range.kind_name(), range.queue_name(), range.alone));
        // One that no executor claims from: how old its oldest job is would stay unknown.
        if (range.head == core::kFirstKey) store::raise_range(ref);
        pg::call<&ProcessInterrupts>();
    }
    board::poke_dispatcher(database, board::kPokeNewKinds);
}

int64 expire_due(board::DatabaseSlot* slot, core::Instant now, int most) {
    if (slot != nullptr) slot->next_expiry.forget();
    core::Instant next{};
    const int64 n = store::expire_jobs(now, most, &next);
    if (slot != nullptr && next != core::kPlusInfinity) {
        // A job that somebody holds past its expiry is left to whoever holds it; look again in a second.
        const int64 wanted = std::max(next.us, n == most ? now.us : now.us + USECS_PER_SEC);
        slot->next_expiry.lower(core::Instant{wanted});
    }
    return n;
}

}  // namespace foreman::engine
