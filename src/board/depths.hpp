// How many jobs each queue has, and what runs and waits of each type of workflow, while they are counted from the rows anew. A commit tells its changes to the
// board a moment after others see it, so that some changes are told that the count has seen already. Each
// database keeps what the snapshot of its last count saw, and whoever tells a change asks.
// Called by recount_queues(), and by the commit callback through add_queue_delta(). Invariant: a change is in
// the depth once, whenever its commit comes.
#pragma once

#include "board/board.hpp"

namespace foreman::board {

/// does: takes the snapshot that a count of this database is to read with. What it does not see is added to
///     the depths as it commits, whether the count is still under way or not.
/// needs: a transaction. The snapshot is to be pushed before another one is taken.
Snapshot begin_count();
/// The count found so many jobs.
void set_depth(std::string_view queue, int64 jobs) noexcept;
/// All other queues have none. What set_workflow_gauge() was told holds; all other types have none.
void end_count() noexcept;

/// Whether the last count of the database saw what the transaction changed. Needs the ranges lock.
bool is_counted(Oid database, FullTransactionId xid) noexcept;
/// How many transactions a snapshot names at most.
int snapshot_capacity() noexcept;

}  // namespace foreman::board
