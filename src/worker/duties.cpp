// See duties.hpp.
#include "worker/duties.hpp"

#include "pg/call.hpp"
#include "pg/memory.hpp"
#include "store/blocked.hpp"
#include "store/clock.hpp"
#include "store/control.hpp"
#include "store/definitions.hpp"
#include "store/flight_recorder.hpp"
#include "store/jobs.hpp"
#include "store/leases.hpp"
#include "store/raise.hpp"
#include "store/remember.hpp"
#include "store/schema.hpp"
#include "store/settings.hpp"
#include "store/settle.hpp"
#include "store/slots.hpp"
#include "store/waits_board.hpp"
#include "worker/procedure_lane.hpp"

namespace foreman::worker {

namespace {

constexpr const char* kOwnFault = "the handler ended its session";
constexpr int kExpireBatch = 1000;
constexpr int kReviveBatch = 500;
constexpr core::Micros kEndingRetry = core::milliseconds(200);

void give_back_held(const store::SlotReading& r) { store::lower_head(r.held_range, r.held_key); }

// Whether the process that leased the job still has it. After a restart a pid may be another's: an executor
// that does not run this job was idle or at another since, and a session is younger than the server.
bool is_held(const store::Lease& lease, Oid database) {
    if (store::board_present()) {
        for (int i = 0; i < store::kMaxSlots; i++) {
            store::SlotReading r{};
            if (!store::read_slot(i, &r) || r.database != database || r.pid != lease.pid) continue;
            return r.job_id == lease.job_id || lease.claimed_at >= r.since;
        }
    }
    if (lease.claimed_at.us < PgStartTime) return false;
    const PGPROC* session = pg::call<&BackendPidGetProc>(lease.pid);
    return session != nullptr && session->databaseId == database;
}

}  // namespace

int64 settle_dead_executors(Oid database) {
    int64 settled = 0;
    for (int i = 0; i < store::kMaxSlots; i++) {
        store::SlotReading r{};
        if (!store::read_slot(i, &r) || r.state != store::SlotState::dead || r.database != database) continue;
        const bool charged = r.death == store::Death::own_fault;
        if (r.outside_group) {
            rescue_leased(r.job_id, charged, kOwnFault);
        } else if (charged) {
            charge_waiting(r.job_id, "57P01", kOwnFault);
        }
        store::free_dead_slot(i, r.job_id);
        give_back_held(r);
        settled++;
    }
    return settled + rescue_orphans(database);
}

int64 rescue_orphans(Oid database) {
    pg::Context context("foreman orphans", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<store::Lease> leases(&memory);
    store::leases_in_server(&leases);
    int64 rescued = 0;
    for (const store::Lease& lease : leases) {
        if (is_held(lease, database)) continue;
        rescued += rescue_leased(lease.job_id, false, "") ? 1 : 0;
    }
    return rescued;
}

namespace {

// The board says that a lease ended, and its row cannot be had: the row knows why. Answers when to look
// again.
core::Instant look_at_row_of(Oid database, const store::TokenPair& pair, core::Instant now) {
    const std::optional<store::LeaseRow> row = store::read_lease_row(pair.job_id);
    if (!row) {
        store::drop_lease(database, pair.job_id);
    } else if (row->token.bytes != pair.token.bytes) {
        // Claimed anew by a transaction whose commit told nobody, as COMMIT PREPARED does not.
        store::add_lease(database, pair.job_id, row->token, now + row->length, row->length);
        return now + row->length;
    } else {
        // Its worker ends it in a transaction that is still open.
        store::postpone_lease_end(database, pair.job_id, now + kEndingRetry);
        return now + kEndingRetry;
    }
    return core::kPlusInfinity;
}

}  // namespace

int64 revive_ended_leases(Oid database, core::Instant now, core::Instant* next) {
    *next = core::kPlusInfinity;
    if (!store::board_present()) return 0;
    pg::Context context("foreman revival", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<store::LeaseReading> ended(kReviveBatch, store::LeaseReading{}, &memory);
    const int n = store::ended_leases(database, now, ended.data(), kReviveBatch, next);
    int64 revived = 0;
    for (int i = 0; i < n; i++) {
        const store::LeaseReading& lease = ended[static_cast<std::size_t>(i)];
        const store::TokenPair pair{lease.job_id, lease.token};
        // The row first: what is marked on the board is then ours to end.
        if (!store::lock_lease(pair)) {
            *next = std::min(*next, look_at_row_of(database, pair, now));
            continue;
        }
        if (!store::begin_rescue(database, pair.job_id, pair.token, now)) continue;
        store::debug_point(store::DebugPoint::inside_rescue);
        pg::vector<store::Job> taken(&memory);
        store::take_leases({&pair, 1}, context.get(), &taken);
        if (taken.empty()) continue;
        const store::Job& job = taken.front();
        store::Report report;
        report.outcome = core::Outcome::failed;
        report.started_at = job.claimed_at;
        report.error = store::AttemptError{now, job.attempt + 1, "57P01", "lease expired", "", "", ""};
        store::settle(job, report, context.get());
        revived++;
    }
    if (n == kReviveBatch) *next = now;
    return revived;
}

namespace {

bool charge_crash(int64 id, MemoryContext context) {
    store::Job job{};
    if (!store::take_waiting(id, context, &job) && !store::take_leased_any(id, context, &job)) return false;
    job.crashes++;
    job.alone = 1;
    const bool enough = job.crashes >= settings::max_crashes;
    pg::log(LOG,
            "pg_foreman: job " INT64_FORMAT
            " of kind \"%.*s\" was running in the process that crashed the server (crash %d of %d)",
            id, static_cast<int>(job.kind.size()), job.kind.data(), job.crashes, settings::max_crashes);
    char text[96];
    std::snprintf(text, sizeof(text), "the server crashed while this job was running (crash %d of %d)",
                  job.crashes, settings::max_crashes);
    const store::AttemptError error{store::now(), job.attempt + 1, "57P02", text, "", "", ""};
    store::Report report;
    report.started_at = store::now();
    report.error = error;
    if (enough) {
        report.outcome = core::Outcome::discarded;
        report.reason = text;
    } else {
        report.uncharged = true;
        report.broken_off = true;
        job.errors = store::append_error(job.errors, error, context);
    }
    store::settle(job, report, context);
    return true;
}

// One of them did it. Alone, it will show itself; the others lose nothing but company.
void part_batch(const store::Suspect& s) {
    pg::log(LOG,
            "pg_foreman: a batch of %d jobs, from " INT64_FORMAT
            " on, was running in the process that crashed the server; each runs alone next",
            s.count, s.job_ids[0]);
    store::set_alone({s.job_ids, static_cast<std::size_t>(s.count)});
}

}  // namespace

int64 charge_crashes(Oid database) {
    store::Suspect suspects[store::kMaxSlots];
    const int n = store::take_suspects(database, suspects);
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

void reread_ranges(Oid database) {
    store::RangeRow row{};
    bool more = store::next_range(&row, true);
    while (more) {
        const store::RangeSpec spec = row.spec();
        const Oid role = store::role_of(spec.kind);
        const store::RangeRef ref =
            store::find_range({database, spec.queue, spec.kind, spec.priority, spec.alone}, role);
        if (ref.valid()) store::raise_range_from_start(ref);
        pg::call<&ProcessInterrupts>();
        more = store::next_range(&row, false);
    }
}

void refresh_roles(Oid database) {
    store::distrust_handlers();
    for (uint32 i = 0; i < store::range_count(); i++) {
        store::RangeChoice range;
        if (!store::describe_range(store::range_at(database, i), &range)) continue;
        store::set_kind_role(database, range.kind_name(), store::role_of(range.kind_name()));
    }
}

bool release_blocked(store::DatabaseSlot* slot, core::Instant now, bool everything) {
    const bool overflow = slot != nullptr && pg_atomic_exchange_u32(&slot->waits_overflow, 0) != 0;
    const store::BlockedPass pass =
        everything || overflow ? store::release_all(now) : store::release_hinted(now);
    return !pass.again;
}

int64 expire_due(store::DatabaseSlot* slot, core::Instant now) {
    // Infinity first: what commits meanwhile lowers it again.
    if (slot != nullptr) pg_atomic_write_u64(&slot->next_expiry, static_cast<uint64>(core::kPlusInfinity.us));
    core::Instant next{};
    const int64 n = store::expire_jobs(now, kExpireBatch, &next);
    if (slot != nullptr && next != core::kPlusInfinity) {
        // A job that somebody holds past its expiry is left to whoever holds it; look again in a second.
        const int64 wanted = std::max(next.us, n == kExpireBatch ? now.us : now.us + USECS_PER_SEC);
        uint64 seen = pg_atomic_read_u64(&slot->next_expiry);
        while (wanted < static_cast<int64>(seen) &&
               !pg_atomic_compare_exchange_u64(&slot->next_expiry, &seen, static_cast<uint64>(wanted))) {
        }
    }
    return n;
}

}  // namespace foreman::worker
