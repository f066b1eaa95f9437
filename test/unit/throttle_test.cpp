// Cool-downs of a queue: flat and exponential, counted once per window, forgotten late.
#include "core/throttle.hpp"

#include <gtest/gtest.h>

namespace foreman::core {
namespace {

constexpr ThrottlePolicy kFlat{};
constexpr ThrottlePolicy kExponential{seconds(60), minutes(30)};
constexpr Instant kNow{1'000'000'000'000};

TEST(Throttle, IsFlatSixtySecondsByDefault) {
    for (const int n : {0, 1, 5, 100}) EXPECT_EQ(throttle_delay(kFlat, n), seconds(60)) << n;
}

TEST(Throttle, DoublesUpToItsMaximum) {
    const int expected[] = {60, 120, 240, 480, 960, 1800, 1800};
    for (int n = 0; n < static_cast<int>(std::size(expected)); n++)
        EXPECT_EQ(throttle_delay(kExponential, n), seconds(expected[n])) << n;
}

TEST(Throttle, TheExponentStopsAt30AndNothingIsNegative) {
    const ThrottlePolicy endless{Micros{1}, days(100'000)};
    EXPECT_EQ(throttle_delay(endless, 30).us, std::int64_t{1} << 30);
    EXPECT_EQ(throttle_delay(endless, 100).us, std::int64_t{1} << 30);
    EXPECT_EQ(throttle_delay(endless, -5).us, 1);
    EXPECT_EQ(throttle_delay({Micros{-7}, days(1)}, 3), Micros{});
    EXPECT_EQ(throttle_delay({days(1), minutes(1)}, 0), minutes(1));
}

TEST(Throttle, ManyReportsOfOneWindowCountOnce) {
    Cooling c = cool_down(kExponential, {}, kNow);
    EXPECT_EQ(c, (Cooling{kNow + seconds(60), 1}));
    for (int i = 0; i < 50; i++) c = cool_down(kExponential, c, kNow + milliseconds(i));
    EXPECT_EQ(c, (Cooling{kNow + milliseconds(49) + seconds(60), 1}));
    // The window never becomes shorter.
    EXPECT_EQ(cool_down({seconds(1), {}}, c, kNow + seconds(2)), c);
}

TEST(Throttle, TheNextWindowIsLonger) {
    Cooling c = cool_down(kExponential, {}, kNow);
    c = cool_down(kExponential, c, c.until);  // exactly at its end: the next one
    EXPECT_EQ(c, (Cooling{kNow + seconds(180), 2}));
    c = cool_down(kExponential, c, kNow + hours(2));
    EXPECT_EQ(c, (Cooling{kNow + hours(2) + seconds(240), 3}));
}

TEST(Throttle, ASuccessForgetsOnlyAfterTheGrace) {
    const Cooling c{kNow, 4};
    EXPECT_EQ(after_success(c, kNow - seconds(30)), c) << "one in flight while the queue cools down";
    EXPECT_EQ(after_success(c, kNow + seconds(120) - Micros{1}), c) << "a limiter that flaps";
    EXPECT_EQ(after_success(c, kNow + seconds(120)), Cooling{});
    EXPECT_EQ(after_success({}, kNow), Cooling{});
}

}  // namespace
}  // namespace foreman::core
