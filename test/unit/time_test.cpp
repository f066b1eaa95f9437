// Arithmetic of durations and instants: it saturates, and infinity absorbs.
#include "core/time.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace foreman::core {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();

TEST(Time, UnitsAreMicroseconds) {
    EXPECT_EQ(milliseconds(1).us, 1'000);
    EXPECT_EQ(seconds(2).us, 2'000'000);
    EXPECT_EQ(minutes(5), seconds(300));
    EXPECT_EQ(hours(24), days(1));
    EXPECT_EQ(days(-1).us, -86'400'000'000);
}

TEST(Time, ArithmeticSaturates) {
    EXPECT_EQ(Micros{kMax} + Micros{1}, Micros{kMax});
    EXPECT_EQ(Micros{kMin} + Micros{-1}, Micros{kMin});
    EXPECT_EQ(Micros{kMin} - Micros{1}, Micros{kMin});
    EXPECT_EQ(Micros{1} - Micros{kMin}, Micros{kMax});
    EXPECT_EQ(days(kMax), Micros{kMax});
    EXPECT_EQ(days(kMin), Micros{kMin});
    EXPECT_EQ(Micros{-2} * kMax, Micros{kMin});
    EXPECT_EQ(Micros{-2} * kMin, Micros{kMax});
    EXPECT_EQ(Instant{kMax - 5} + Micros{10}, kPlusInfinity);
    EXPECT_EQ(Instant{kMin + 5} - Micros{10}, kMinusInfinity);
}

TEST(Time, InfinityAbsorbs) {
    EXPECT_EQ(kPlusInfinity + days(-1), kPlusInfinity);
    EXPECT_EQ(kPlusInfinity - days(1), kPlusInfinity);
    EXPECT_EQ(kMinusInfinity + days(1), kMinusInfinity);
    EXPECT_EQ(kMinusInfinity - days(-1), kMinusInfinity);
    EXPECT_FALSE(is_finite(kPlusInfinity));
    EXPECT_FALSE(is_finite(kMinusInfinity));
    EXPECT_TRUE(is_finite(Instant{0}));
}

TEST(Time, DifferenceOfInfinitiesSaturates) {
    EXPECT_EQ(kPlusInfinity - kMinusInfinity, Micros{kMax});
    EXPECT_EQ(kMinusInfinity - kPlusInfinity, Micros{kMin});
    EXPECT_EQ(Instant{5} - Instant{7}, Micros{-2});
}

TEST(Time, OrderIsThatOfTheNumbers) {
    EXPECT_LT(kMinusInfinity, Instant{kMin + 1});
    EXPECT_LT(Instant{-1}, Instant{0});
    EXPECT_GT(kPlusInfinity, Instant{kMax - 1});
    EXPECT_LT(Micros{-1}, Micros{});
}

// Against 128-bit arithmetic, with operands of every magnitude.
TEST(Time, SaturatingOperationsAgreeWithWideArithmetic) {
    std::mt19937_64 random(1);
    const auto any = [&] { return static_cast<std::int64_t>(random()) >> (random() % 64); };
    const auto held = [](__int128 x) {
        return static_cast<std::int64_t>(x > kMax ? kMax : x < kMin ? kMin : x);
    };
    for (int i = 0; i < 100'000; i++) {
        const std::int64_t a = any();
        const std::int64_t b = any();
        ASSERT_EQ(saturating_add(a, b), held(static_cast<__int128>(a) + b)) << a << " " << b;
        ASSERT_EQ(saturating_sub(a, b), held(static_cast<__int128>(a) - b)) << a << " " << b;
        ASSERT_EQ(saturating_mul(a, b), held(static_cast<__int128>(a) * b)) << a << " " << b;
    }
}

}  // namespace
}  // namespace foreman::core
