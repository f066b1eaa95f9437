// Shares of a table: nobody gets all of it, whoever comes next finds room, and nothing is counted beyond its
// end.
#include "core/fair_room.hpp"

#include <gtest/gtest.h>

namespace foreman::core {
namespace {

std::uint32_t fill(std::uint32_t used, std::uint32_t capacity) {
    std::uint32_t held = 0;
    while (has_fair_room(held, used + held, capacity)) held++;
    return held;
}

TEST(FairRoom, OneAloneGetsHalf) {
    EXPECT_EQ(fill(0, 1000), 500U);
    EXPECT_EQ(fill(0, 1), 1U);
    EXPECT_EQ(fill(0, 25), 13U);
}

TEST(FairRoom, WhoeverComesNextFindsRoom) {
    std::uint32_t used = 0;
    for (int role = 0; role < 9; role++) {
        const std::uint32_t held = fill(used, 1024);
        EXPECT_GT(held, 0U) << role;
        used += held;
    }
    EXPECT_LE(used, 1024U);
}

TEST(FairRoom, AFullTableHasNone) {
    EXPECT_FALSE(has_fair_room(0, 10, 10));
    EXPECT_FALSE(has_fair_room(0, 0, 0));
    EXPECT_FALSE(has_fair_room(5, 12, 10));
}

}  // namespace
}  // namespace foreman::core
