// Delays between attempts: the curve, its cap, its jitter, and that no argument breaks it.
#include "core/backoff.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

namespace foreman::core {
namespace {

constexpr BackoffPolicy kPlain{seconds(1), minutes(5), 0};
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

TEST(Backoff, DoublesFromTheBaseToTheCap) {
    const int expected[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300};
    for (int n = 1; n <= static_cast<int>(std::size(expected)); n++) {
        EXPECT_EQ(retry_delay(kPlain, n, 12345), seconds(expected[n - 1])) << "after failure " << n;
    }
}

TEST(Backoff, DefaultsAreOneSecondToFiveMinutesWithAQuarterOfJitter) {
    EXPECT_EQ(BackoffPolicy{}, (BackoffPolicy{seconds(1), seconds(300), 25}));
}

TEST(Backoff, ABaseOfZeroSwitchesItOff) {
    for (const int n : {1, 2, 30, 1000}) EXPECT_EQ(retry_delay({Micros{}, minutes(5), 25}, n, 7), Micros{});
}

TEST(Backoff, ABaseAboveTheCapIsTheCap) {
    EXPECT_EQ(retry_delay({minutes(10), minutes(5), 0}, 1, 0), minutes(5));
}

TEST(Backoff, TheExponentStopsAt30) {
    const BackoffPolicy endless{Micros{1}, Micros{kMax}, 0};
    EXPECT_EQ(retry_delay(endless, 31, 0).us, std::int64_t{1} << 30);
    EXPECT_EQ(retry_delay(endless, 32, 0).us, std::int64_t{1} << 30);
    EXPECT_EQ(retry_delay(endless, std::numeric_limits<int>::max(), 0).us, std::int64_t{1} << 30);
}

TEST(Backoff, JitterReachesBothEndsAndNotBeyond) {
    const BackoffPolicy policy{Micros{1000}, minutes(5), 25};  // 750..1250
    EXPECT_EQ(retry_delay(policy, 1, 0).us, 750);
    EXPECT_EQ(retry_delay(policy, 1, 500).us, 1250);
    EXPECT_EQ(retry_delay(policy, 1, 501).us, 750);
    EXPECT_EQ(retry_delay({Micros{1010}, minutes(5), 25}, 1, 0).us, 1010 - 252);
}

TEST(Backoff, JitterIsEvenAndCentred) {
    std::mt19937_64 random(3);
    const BackoffPolicy policy{};
    double sum = 0;
    int lower_half = 0;
    constexpr int kDraws = 20'000;
    for (int i = 0; i < kDraws; i++) {
        const Micros d = retry_delay(policy, 1, random());
        sum += static_cast<double>(d.us);
        lower_half += d < seconds(1) ? 1 : 0;
    }
    EXPECT_NEAR(sum / kDraws, 1e6, 5e3);
    EXPECT_NEAR(lower_half, 0.5 * kDraws, 0.02 * kDraws);
}

TEST(Backoff, NonsenseIsHeldToSense) {
    EXPECT_EQ(retry_delay(kPlain, 0, 1), seconds(1));
    EXPECT_EQ(retry_delay(kPlain, std::numeric_limits<int>::min(), 1), seconds(1));
    EXPECT_EQ(retry_delay({seconds(-1), minutes(5), 25}, 3, 1), Micros{});
    EXPECT_EQ(retry_delay({seconds(1), Micros{-1}, 25}, 3, 1), Micros{});
    EXPECT_EQ(retry_delay({seconds(1), minutes(5), -10}, 1, 99), seconds(1));
    EXPECT_LE(retry_delay({seconds(1), minutes(5), 1000}, 1, kMax), seconds(2));
    EXPECT_EQ(retry_delay({Micros{kMax}, Micros{kMax}, 0}, 31, 5).us, kMax);
}

TEST(Backoff, AnyPolicyStaysWithinItsJitter) {
    std::mt19937_64 random(4);
    for (int i = 0; i < 200'000; i++) {
        const BackoffPolicy policy{Micros{static_cast<std::int64_t>(random() >> (1 + random() % 63))},
                                   Micros{static_cast<std::int64_t>(random() >> (1 + random() % 63))},
                                   static_cast<int>(random() % 101)};
        const int n = static_cast<int>(random() % 40) + 1;
        const Micros d = retry_delay(policy, n, random());
        const __int128 exact = std::min(static_cast<__int128>(policy.base.us) << std::min(n - 1, 30),
                                        static_cast<__int128>(policy.max.us));
        const __int128 low = exact - exact * policy.jitter_percent / 100;
        const __int128 high = exact + exact * policy.jitter_percent / 100;
        ASSERT_GE(d.us, low) << policy.base.us << " " << policy.max.us << " " << n;
        ASSERT_LE(static_cast<__int128>(d.us), std::min(high, static_cast<__int128>(kMax)));
    }
}

}  // namespace
}  // namespace foreman::core
