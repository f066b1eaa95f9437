// Counts of durations in logarithmic buckets, four to an octave: what percentiles are read from. The board
// keeps two for each queue, store/commit/remember.cpp one for each queue of a transaction. Invariant: a
// duration and the value that a percentile gives for its bucket differ by less than a quarter, from 16 us to
// 19 hours.
#pragma once

#include <cstdint>

#include "core/time.hpp"

namespace foreman::core {

inline constexpr int kHistogramBuckets = 128;

struct Histogram {
    std::uint32_t counts[kHistogramBuckets] = {};
};

/// The bucket of a duration: 0 takes all below 16 us, the last one all above 2^36 us.
int histogram_bucket(Micros duration) noexcept;
/// The lower bound of a bucket; of one past the last too.
Micros bucket_floor(int bucket) noexcept;
inline void count_duration(Histogram* h, Micros duration) noexcept {
    h->counts[histogram_bucket(duration)]++;
}
/// The duration that `percent` of what was counted does not exceed, interpolated inside its bucket; 0 when
/// nothing was counted.
Micros percentile(const Histogram& h, int percent) noexcept;

}  // namespace foreman::core
