// Buckets of durations and the percentiles read from them.
#include "core/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace foreman::core {
namespace {

TEST(Histogram, EveryDurationIsInItsBucket) {
    EXPECT_EQ(histogram_bucket({-5}), 0);
    EXPECT_EQ(histogram_bucket({0}), 0);
    EXPECT_EQ(histogram_bucket({15}), 0);
    EXPECT_EQ(histogram_bucket(days(36500)), kHistogramBuckets - 1);
    for (std::int64_t us = 16; us < (std::int64_t{1} << 35); us += us / 7 + 1) {
        const int b = histogram_bucket({us});
        EXPECT_GE(us, bucket_floor(b).us) << us;
        EXPECT_LT(us, bucket_floor(b + 1).us) << us;
    }
}

TEST(Histogram, FloorsGrow) {
    for (int i = 1; i <= kHistogramBuckets; i++) EXPECT_GT(bucket_floor(i), bucket_floor(i - 1)) << i;
}

TEST(Histogram, NothingCountedIsZero) { EXPECT_EQ(percentile({}, 99), Micros{}); }

TEST(Histogram, PercentilesAreWithinAQuarterOfTheTruth) {
    std::mt19937_64 random(42);
    std::lognormal_distribution<double> spread(9, 2);
    std::vector<std::int64_t> all;
    Histogram h;
    for (int i = 0; i < 20000; i++) {
        const auto us = static_cast<std::int64_t>(spread(random)) + 16;
        all.push_back(us);
        count_duration(&h, {us});
    }
    std::sort(all.begin(), all.end());
    for (const int p : {1, 50, 95, 99, 100}) {
        const auto truth = static_cast<double>(
            all[std::max<std::size_t>(all.size() * static_cast<unsigned>(p) / 100, 1) - 1]);
        EXPECT_NEAR(static_cast<double>(percentile(h, p).us), truth, truth / 4) << p;
    }
}

TEST(Histogram, OneValueIsItself) {
    Histogram h;
    count_duration(&h, seconds(2));
    for (const int p : {1, 50, 99}) EXPECT_NEAR(static_cast<double>(percentile(h, p).us), 2e6, 5e5) << p;
}

}  // namespace
}  // namespace foreman::core
