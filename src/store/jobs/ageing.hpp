// Queues that age: every n-th job claimed is the oldest due one, whatever its priority. Executors and
// claim() ask here when a choice says that it is its turn. Invariant: it chooses by rows, not by heads, which
// stand below what the same transaction has claimed.
#pragma once

#include "board/board.hpp"

namespace foreman::store {

/// does: puts the range with the oldest due row of the same queue in the place of the choice, among those
///     that `passes` lets through.
/// cost: one index probe for each range of the queue
void turn_to_oldest(board::RangeChoice* choice, core::Instant now,
                    bool (*passes)(const void* arg, const board::RangeChoice& range), const void* arg);

}  // namespace foreman::store
