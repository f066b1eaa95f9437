// See throttle.hpp.
#include "core/throttle.hpp"

#include <algorithm>

namespace foreman::core {

Micros throttle_delay(const ThrottlePolicy& policy, int windows_before) noexcept {
    constexpr int kMaxExponent = 30;
    const Micros base = std::max(policy.base, Micros{});
    if (policy.max < Micros{}) return base;
    const int exponent = std::clamp(windows_before, 0, kMaxExponent);
    return std::min(base * (std::int64_t{1} << exponent), policy.max);
}

Cooling cool_down(const ThrottlePolicy& policy, Cooling before, Instant now) noexcept {
    if (now < before.until)
        return {std::max(before.until, now + throttle_delay(policy, before.windows - 1)), before.windows};
    constexpr int kEnough = 1000;
    return {now + throttle_delay(policy, before.windows), std::min(before.windows + 1, kEnough)};
}

Cooling after_success(Cooling before, Instant now) noexcept {
    return now >= before.until + kThrottleGrace ? Cooling{} : before;
}

}  // namespace foreman::core
