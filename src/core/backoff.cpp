// Exponential backoff: see backoff.hpp.
#include "core/backoff.hpp"

#include <algorithm>
#include <limits>

namespace foreman::core {

Micros retry_delay(const BackoffPolicy& policy, int failed_attempts, std::uint64_t random) noexcept {
    constexpr int kMaxExponent = 30;
    if (policy.base <= Micros{} || policy.max <= Micros{}) return {};
    const int exponent = std::clamp(failed_attempts, 1, kMaxExponent + 1) - 1;
    const Micros delay = std::min(policy.base * (std::int64_t{1} << exponent), policy.max);

    // Hundredths and their remainder apart: delay * percent may not fit.
    const std::int64_t percent = std::clamp(policy.jitter_percent, 0, 100);
    const std::int64_t spread = delay.us / 100 * percent + delay.us % 100 * percent / 100;
    const std::uint64_t width = 2 * static_cast<std::uint64_t>(spread) + 1;
    const std::uint64_t offset = random % width;
    const std::uint64_t jittered = static_cast<std::uint64_t>(delay.us - spread) + offset;
    return {static_cast<std::int64_t>(
        std::min(jittered, static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())))};
}

}  // namespace foreman::core
