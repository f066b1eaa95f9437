// See histogram.hpp.
#include "core/histogram.hpp"

#include <algorithm>
#include <bit>

namespace foreman::core {

namespace {

constexpr int kFirstOctave = 4;  // 2^4 = 16 us
constexpr int kSteps = 4;        // buckets to an octave

}  // namespace

int histogram_bucket(Micros duration) noexcept {
    if (duration.us < (std::int64_t{1} << kFirstOctave)) return 0;
    const auto us = static_cast<std::uint64_t>(duration.us);
    const int octave = 63 - std::countl_zero(us);
    const int step = static_cast<int>((us >> (octave - 2)) & (kSteps - 1));
    return std::min((octave - kFirstOctave) * kSteps + step, kHistogramBuckets - 1);
}

Micros bucket_floor(int bucket) noexcept {
    if (bucket <= 0) return {};
    const int octave = kFirstOctave + bucket / kSteps;
    return {(std::int64_t{1} << octave) + (bucket % kSteps) * (std::int64_t{1} << (octave - 2))};
}

Micros percentile(const Histogram& h, int percent) noexcept {
    std::uint64_t total = 0;
    for (const std::uint32_t n : h.counts) total += n;
    if (total == 0) return {};
    const std::uint64_t rank =
        std::max<std::uint64_t>((total * static_cast<unsigned>(percent) + 99) / 100, 1);
    std::uint64_t below = 0;
    for (int i = 0; i < kHistogramBuckets; i++) {
        const std::uint64_t n = h.counts[i];
        if (below + n >= rank) {
            const std::int64_t lo = bucket_floor(i).us;
            const std::int64_t width = bucket_floor(i + 1).us - lo;
            return {lo +
                    static_cast<std::int64_t>(static_cast<double>(width) * static_cast<double>(rank - below) /
                                              static_cast<double>(n))};
        }
        below += n;
    }
    return bucket_floor(kHistogramBuckets);
}

}  // namespace foreman::core
