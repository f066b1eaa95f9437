// Raising the head of a range: the one place that does it. Called by executors after each group, by claims
// from outside every so many rows, and by the dispatcher when it reads ranges from the rows. The rule is in
// core/range_head.hpp.
#pragma once

#include <optional>

#include "board/board.hpp"

namespace foreman::store {

/// does: moves the head up to the first row that a fresh snapshot sees and no executor holds.
/// returns: the new head, for whoever claims next; nothing when it was left alone: another process is raising
///     it, the entry was given away, or this transaction has changed something, so that its own view is not
///     what others see if it rolls back
/// cost: one index probe from the old head
std::optional<core::Key> raise_range(board::RangeRef ref);
/// The same, reading from the beginning of the range whatever its head was.
std::optional<core::Key> raise_range_from_start(board::RangeRef ref);

}  // namespace foreman::store
