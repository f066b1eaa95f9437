// Rate limits: never more than the bucket allows, whatever the clock does.
#include "core/token_bucket.hpp"

#include <gtest/gtest.h>

#include <random>

namespace foreman::core {
namespace {

constexpr Instant kStart{1'000'000'000};

TEST(TokenBucket, GrantsUpToItsCapacityAndThenWaits) {
    const BucketRule rule{3, 0.5};
    TokenBucket bucket{3, kStart};
    EXPECT_EQ(take_some(rule, bucket, kStart, 2), 2);
    EXPECT_EQ(take_some(rule, bucket, kStart, 2), 1);
    EXPECT_EQ(take_some(rule, bucket, kStart, 2), 0);
    EXPECT_EQ(until_tokens(rule, bucket, 1), seconds(2));
    EXPECT_EQ(take_some(rule, bucket, kStart + seconds(1), 1), 0);
    EXPECT_EQ(take_some(rule, bucket, kStart + seconds(2), 1), 1);
}

TEST(TokenBucket, FillsNoFurtherThanItsCapacity) {
    const BucketRule rule{5, 1000};
    TokenBucket bucket{0, kStart};
    EXPECT_EQ(take_some(rule, bucket, kStart + days(1000), 100), 5);
}

TEST(TokenBucket, TakesAllOrNothing) {
    const BucketRule rule{10, 1};
    TokenBucket bucket{4, kStart};
    EXPECT_FALSE(take_all(rule, bucket, kStart, 5));
    EXPECT_TRUE(take_all(rule, bucket, kStart, 4));
    EXPECT_EQ(until_tokens(rule, bucket, 11), kForeverAway);
    EXPECT_EQ(until_tokens({10, 0}, bucket, 1), kForeverAway);
}

TEST(TokenBucket, AClockThatStepsBackBringsNothing) {
    const BucketRule rule{10, 1};
    TokenBucket bucket{0, kStart};
    EXPECT_EQ(take_some(rule, bucket, kStart - days(1), 1), 0);
    EXPECT_EQ(take_some(rule, bucket, kStart - days(1) + seconds(1), 5), 1);
}

TEST(TokenBucket, WhatIsGivenBackIsThereAgain) {
    const BucketRule rule{10, 1};
    TokenBucket bucket{10, kStart};
    EXPECT_EQ(take_some(rule, bucket, kStart, 8), 8);
    give_back(rule, bucket, 5);
    EXPECT_EQ(take_some(rule, bucket, kStart, 100), 7);
    give_back(rule, bucket, 1000);
    EXPECT_EQ(take_some(rule, bucket, kStart, 100), 10);
}

TEST(TokenBucket, NeverGivesOutMoreThanCapacityAndRefill) {
    std::mt19937_64 random(20261125);
    for (int round = 0; round < 200; round++) {
        const BucketRule rule{static_cast<double>(random() % 50 + 1),
                              static_cast<double>(random() % 1000 + 1) / 7.0};
        TokenBucket bucket{rule.capacity, kStart};
        Instant now = kStart;
        std::int64_t given = 0;
        for (int step = 0; step < 2000; step++) {
            now = now + Micros{static_cast<std::int64_t>(random() % 100'000)};
            const int wanted = static_cast<int>(random() % 20);
            const int got = take_some(rule, bucket, now, wanted);
            ASSERT_LE(got, wanted);
            given += got;
            const double elapsed = static_cast<double>((now - kStart).us) / 1e6;
            ASSERT_LE(static_cast<double>(given), rule.capacity + elapsed * rule.refill_per_second + 1e-6);
        }
    }
}

}  // namespace
}  // namespace foreman::core
