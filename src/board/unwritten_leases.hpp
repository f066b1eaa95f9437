// Leases that only the board knows. A claim from outside puts a lease here and writes nothing: no version of a row, no
// transaction id, no flush. What has been leased for longer than kWrittenAfter the dispatcher writes into the
// rows, so that long work keeps its lease over a crash and a failover.
//
// The rule by which a job has one holder at most (docs/design/leases.md has the proof):
//   claiming:  put the entry here; then look at the row. Whoever changes or locks it, or has deleted it, was first: the
//       entry is dropped, and then the head of its range is lowered to it.
//   changing the row of a waiting job:  lock the row; then ask is_unwritten(). A leased job is somebody's: leave it.
//   ending the lease:  begin_settling(); then delete the row. The entry goes after the commit.
//   writing it:  lock the row; then ask may_be_written(); mark_written() after the commit.
#pragma once

#include <span>
#include <string_view>

#include "board/leases.hpp"
#include "pg/memory.hpp"

namespace foreman::board {

constexpr core::Micros kWrittenAfter = core::seconds(2);

/// Whether the name of a worker has room in an entry: leases of others are written at once.
constexpr bool has_room_for_worker(std::string_view worker) noexcept {
    return worker.size() <= kLeaseWorkerBytes;
}

struct NewLease {
    int64 job_id;
    ItemPointerData place;  // of its row
    pg::UuidBytes token;
    Instant claimed_at;
    core::Micros length;
    std::string_view worker;
};
enum class Took : uint8 { yes, held, held_in_row, no_room };
/// does: leases a job of this database that nobody has leased; the transaction of the claim is open.
/// holder: of held_in_row, the token of the lease, of which the row should say
/// cost: two hash probes
Took take_unwritten(const NewLease& lease, pg::UuidBytes* holder) noexcept;
/// The lease holds a place of the queue from now on, given back when it goes.
void give_place_to_lease(int64 job_id, uint32 queue) noexcept;
/// The transaction of the claim has committed.
void close_unwritten(int64 job_id, const pg::UuidBytes& token) noexcept;

/// Whether any row of this database does not say that its job is leased.
bool any_unwritten() noexcept;
/// cost: a hash probe when there are any
bool is_unwritten(int64 job_id) noexcept;
/// Whether the row at this place is the one that was leased. Another row of the same job waits: it was made or moved
/// before the lease has gone from the board.
bool is_unwritten_at(int64 job_id, ItemPointerData place) noexcept;

struct UnwrittenLease {
    int64 job_id;
    pg::UuidBytes token;
    Instant claimed_at;
    Instant until;
    core::Micros length;
    uint32 queue;  // entry of its queue
    bool prepared;
    bool has_progress;
    double progress;
    uint16 note_len;
    uint8 worker_len;
    char note[kLeaseNoteBytes];
    char worker[kLeaseWorkerBytes];
    std::string_view worker_name() const noexcept { return {worker, worker_len}; }
};
/// One of this database; false: there is none.
bool read_unwritten(int64 job_id, UnwrittenLease* out) noexcept;
/// Jobs that executors run and unwritten leases hold, in this database: their rows look as if they waited.
void jobs_held_on_board(pg::vector<int64>* ids);
/// All unwritten leases of this database.
void list_unwritten(pg::vector<UnwrittenLease>* out);

/// does: marks the lease as being ended by this transaction.
/// returns: false: it is not an unwritten one with this token
bool begin_settling(int64 job_id, const pg::UuidBytes& token, Instant* claimed_at) noexcept;
/// The transaction that was ending it rolled back.
void stop_settling(int64 job_id, const pg::UuidBytes& token) noexcept;
/// The transaction that was ending it is prepared. Once the row is free again, the lease is over, whether that
/// transaction committed or not.
void leave_to_prepared(int64 job_id, const pg::UuidBytes& token) noexcept;

/// does: adds up to `max` leases that were claimed before `before`.
/// next: when the first of the others is due to be written; infinity: there are no others
void leases_to_write(Instant before, std::size_t max, pg::vector<UnwrittenLease>* out, Instant* next);
/// Whether the lease is unwritten still, and nobody is about to end it.
bool may_be_written(int64 job_id, const pg::UuidBytes& token) noexcept;
/// The row says of the lease from now on.
void mark_written(int64 job_id, const pg::UuidBytes& token) noexcept;

}  // namespace foreman::board
