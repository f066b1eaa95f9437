// Making room among the queues of the board, for board/queue_entries.cpp and ranges.cpp only. A queue without
// settings, jobs and a cool-down needs no entry: what is lost are its counters since the start of the server.
// Invariant: no range on the board has the entry of another queue.
#pragma once

#include "board/board.hpp"

namespace foreman::board {

/// Nothing depends on the entry but empty ranges.
bool is_idle_queue(QueueEntry& q, Instant now) noexcept;
/// Gives up all empty ranges of idle queues, and sets `ranges_stay` of the queues whose ranges do. Needs
/// the ranges lock, exclusively.
void drop_ranges_of_idle_queues_locked(Instant now) noexcept;

}  // namespace foreman::board
