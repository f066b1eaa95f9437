// Which range gives its place in the full table of ranges away, and what must be said of it. The board looks
// without a lock for a place that is worth little, and judges again under the range's spinlock, since a commit
// may have lowered the head in between. Invariant: a range whose rows are to be found from its head leaves only
// with word of it, so that whoever claims reads the rows.
#pragma once

#include "core/range_head.hpp"

namespace foreman::core {

/// How little is lost when a place is given to another range.
enum class RangeWorth { nothing, may_wait, due, held };

/// A range, as far as that matters. served: executors run its kind; without, who claims from outside looks at
/// the rows as well. held: it is free, or somebody is raising its head.
struct RangeUse {
    RangeHead keys;
    bool served;
    bool held;
};

constexpr RangeWorth worth_of(const RangeUse& range, std::int64_t now) noexcept {
    if (range.held) return RangeWorth::held;
    if (range.keys.head == kNoKey && range.keys.pending == kNoKey) return RangeWorth::nothing;
    return !range.served || range.keys.head.run_at > now ? RangeWorth::may_wait : RangeWorth::due;
}

struct Parting {
    bool leaves;       ///< false: it is worth more than `most`, and stays
    bool has_rows;     ///< it is to be said that rows of it are off the board
    std::int64_t due;  ///< and from when on they are to be read for executors
};
/// needs: the range's lock, and that it is given up under the same
constexpr Parting part_with(const RangeUse& range, RangeWorth most, std::int64_t now) noexcept {
    const RangeWorth worth = worth_of(range, now);
    if (worth > most) return {false, false, kNoKey.run_at};
    return {true, worth != RangeWorth::nothing, range.served ? range.keys.head.run_at : kNoKey.run_at};
}

}  // namespace foreman::core
