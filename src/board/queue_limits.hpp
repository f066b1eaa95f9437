// Limits of queues: how many of its jobs run at once (max_running) and how many start in a time (rate_limit).
// Whoever claims asks for places first (store/jobs/intake.hpp). Those that this process takes are given back
// at the end of its transaction, or pass to leases. Counted for every queue: a limit set later holds at once.
// Invariant: `running` of a queue is never less than its jobs that run; places of a process go with it,
// however it ends.
#pragma once

#include <string_view>

#include "board/board.hpp"

namespace foreman::board {

/// The queue's place on the board; kNoIndex: the board is full, or absent.
uint32 queue_entry_of(RangeRef range) noexcept;
uint32 queue_entry_of(std::string_view queue) noexcept;

/// How claimed jobs are going to run: one at a time in this process, so that they share its place in the
/// queue and their keys, or at once (lane batch, outside workers).
enum class Running { one_after_another, at_once };

/// does: asks that `wanted` more jobs of the queue may start. One after another: one place serves all that
///     this process runs of the queue in its transaction.
/// returns: how many may; 0: the queue is full, or its rate is used up.
/// needs: an entry; watch_transaction() was called.
/// cost: two atomic operations without a rate limit
int take_places(uint32 entry, int wanted, Running running, Instant now);
/// Of what take_places() granted, `jobs` did not start.
void not_started(uint32 entry, int jobs, Running running) noexcept;
/// A lease has one of this process's places from now on.
void hand_over_place(uint32 entry) noexcept;
/// Places that leases hold: taken beyond any limit where the lease is there already, and given back.
void take_place(uint32 entry) noexcept;
void leave_place(uint32 entry) noexcept;
/// Gives back all places of this process.
void release_places() noexcept;
/// A savepoint ended at this level: rolled back, what was taken in it is given back; else it is its parent's.
void release_places_of_level(int level) noexcept;
void hand_places_to_parent(int level) noexcept;
/// A queue's limits and what is used of them, for those who ask why.
struct QueueUse {
    int max_running, running, rate_limit;
    Instant rate_opens;
};
QueueUse read_queue_use(uint32 entry) noexcept;
/// Whether the queue has a limit on what runs.
bool is_limited(uint32 entry) noexcept;
/// Whether this process has a place of the queue, so that "full" does not concern it.
bool has_place(uint32 entry) noexcept;

}  // namespace foreman::board
