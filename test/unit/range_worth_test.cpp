// Which ranges make way in a full table: a head that a commit lowers between the look at a range and its going is
// not lost.
#include "core/range_worth.hpp"

#include <gtest/gtest.h>

namespace foreman::core {
namespace {

constexpr std::int64_t kNow = 100;
constexpr RangeHead kEmpty{kNoKey, kNoKey};

RangeUse served(RangeHead keys) { return {keys, true, false}; }

TEST(RangeWorth, AnEmptyRangeIsWorthNothing) {
    EXPECT_EQ(worth_of(served(kEmpty), kNow), RangeWorth::nothing);
    const Parting p = part_with(served(kEmpty), RangeWorth::nothing, kNow);
    EXPECT_TRUE(p.leaves);
    EXPECT_FALSE(p.has_rows);
}

TEST(RangeWorth, WhatIsDueForExecutorsIsWorthMost) {
    EXPECT_EQ(worth_of(served({{99, 1}, kNoKey}), kNow), RangeWorth::due);
    EXPECT_EQ(worth_of(served({{100, 1}, kNoKey}), kNow), RangeWorth::due);
    EXPECT_EQ(worth_of(served({{101, 1}, kNoKey}), kNow), RangeWorth::may_wait);
    EXPECT_EQ(worth_of({{{99, 1}, kNoKey}, false, false}, kNow), RangeWorth::may_wait);
    EXPECT_EQ(worth_of({kEmpty, true, true}, kNow), RangeWorth::held);
}

// Whatever a commit does after the look, with a key before, at or after now: the range stays, or it is said that
// its rows are off the board, due no later than that key.
TEST(RangeWorth, AKeyThatComesBetweenTheLookAndTheGoingIsNotLost) {
    for (const RangeHead before : {kEmpty, RangeHead{{150, 1}, kNoKey}, RangeHead{{50, 1}, kNoKey}}) {
        for (const std::int64_t run_at : {50, 100, 150, 200}) {
            for (const bool is_served : {true, false}) {
                RangeUse range{before, is_served, false};
                const RangeWorth seen = worth_of(range, kNow);
                lower(range.keys, Key{run_at, 7});
                for (const RangeWorth most : {seen, RangeWorth::due}) {
                    const Parting p = part_with(range, most, kNow);
                    if (!p.leaves) continue;
                    EXPECT_TRUE(p.has_rows);
                    if (is_served) {
                        EXPECT_LE(p.due, run_at);
                    }
                }
            }
        }
    }
}

TEST(RangeWorth, WhatIsBeingRaisedStays) {
    EXPECT_FALSE(part_with({kEmpty, true, true}, RangeWorth::due, kNow).leaves);
}

}  // namespace
}  // namespace foreman::core
