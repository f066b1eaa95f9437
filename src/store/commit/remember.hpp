// What the current transaction made that others must hear of at its commit: claimable keys, counters,
// requests, ends of jobs. Everybody who changes rows of ours calls these in the same transaction; the commit
// callback, registered once per process, tells the board and wakes who is concerned. Nothing is told when the
// (sub)transaction rolls back. Invariant: after the callbacks of all committed transactions ran, no claimable
// row stands below its range's head.
#pragma once

#include <string_view>

#include "board/board.hpp"
#include "board/slots.hpp"
#include "board/unwritten_leases.hpp"
#include "board/workflow_counts.hpp"
#include "pg/datum.hpp"

namespace foreman::store {

/// A row became claimable at `key`, or `jobs` of them from there on. role: whose executors run the kind
/// (InvalidOid: no handler).
/// errors: 53200.
/// cost: about 50 ns when the range was remembered before in this transaction.
void remember_work(std::string_view queue, std::string_view kind, int16 priority, int16 alone, Oid role,
                   core::Key key, int jobs = 1);
void remember_counts(std::string_view queue, const board::QueueDelta& delta,
                     const board::JobTimes* times = nullptr);
/// Counters of a type of workflow.
void remember_workflow_counts(std::string_view type, const board::WorkflowDelta& delta);
void remember_workflow_count(std::string_view type, board::WorkflowCount count, int32 n = 1);
/// A row of job_request for a job that may be running; interrupt: end the handler now.
void remember_request(int64 job_id, bool interrupt);
/// A job ended: sessions in await() hear of it, and jobs that depend on it.
void remember_end(int64 job_id);
/// An outside worker holds the job from the commit on, or no longer does.
void remember_lease(int64 job_id, const pg::UuidBytes& token, core::Instant until, core::Micros length,
                    const uint32 (&keys)[2], uint32 queue);
void remember_lease_end(int64 job_id, const pg::UuidBytes& token);

/// The range of a job that is leased on the board alone. Nobody here runs its kind.
struct RangeOfLease {
    std::string_view queue, kind;
    int16 priority, alone;
};
/// does: leases a job on the board alone (board/unwritten_leases.hpp), at once. When the (sub)transaction rolls back,
///     the lease goes, and its job is claimable again.
/// errors: 53200; then nothing has changed
board::Took take_unwritten_lease(const RangeOfLease& range, core::Key key, const board::NewLease& lease,
                                 pg::UuidBytes* holder);
/// The job of the lease that was taken last turned out to be somebody's, or gone.
void give_last_unwritten_back();
/// does: says on the board, at once, that this transaction ends an unwritten lease. At its commit the lease goes.
/// returns: false: there is no unwritten lease with this token
bool settle_unwritten_lease(int64 job_id, const pg::UuidBytes& token, core::Instant* claimed_at);
/// The row of an unwritten lease was written.
void remember_written(int64 job_id, const pg::UuidBytes& token);
/// Jobs of a key may have become runnable, since one of them ended.
void remember_key(core::BlockedOn type, std::string_view queue, std::string_view key);
/// A job is blocked on the key now, in that place; or others behind it.
void remember_parked(core::BlockedOn type, std::string_view queue, std::string_view key,
                     const core::ParkedPlace& place);
/// A blocked job waits for this end; or a job of this batch ended, or joined it.
void remember_awaited(core::EndId end);
/// A job with this expires_at waits.
void remember_expiry(core::Instant expires_at);
/// What this process holds for its transaction is given back at its end.
void watch_transaction();
/// A job of the queue met somebody's limit at `now`: the queue cools down from the commit on.
void remember_throttle(std::string_view queue, const core::ThrottlePolicy& policy, core::Instant now);
/// A queue's row was written: its settings hold from the commit on.
void remember_settings(std::string_view queue, const board::QueueSettings& settings);
/// A schedule is due then.
void remember_fire(core::Instant at);
/// Bits for the database's dispatcher.
void remember_poke(uint32 bits);
/// The database stops at this commit: nothing is claimed from then on.
void remember_stop();
/// The launcher should look at this database (CREATE EXTENSION, start).
void remember_launcher();
/// A handler was registered (or unregistered: InvalidOid) for a kind.
void remember_kind(std::string_view kind, Oid role);

/// COMMIT PREPARED runs no callback: called after it for the current database.
void distrust_heads() noexcept;

}  // namespace foreman::store
