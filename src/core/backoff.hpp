// How long a failed job waits before its next attempt: exponential, capped, jittered.
// job_state.hpp asks for it when it decides on a retry. Invariant: the delay is never negative and never
// above max + max * jitter, whatever the arguments.
#pragma once

#include <cstdint>

#include "core/time.hpp"

namespace foreman::core {

struct BackoffPolicy {
    Micros base = seconds(1);  ///< delay after the first failure; 0 switches backing off off
    Micros max = minutes(5);   ///< cap, before jitter
    int jitter_percent = 25;   ///< spread to either side, 0..100

    friend constexpr bool operator==(const BackoffPolicy&, const BackoffPolicy&) noexcept = default;
};

/// does: min(base * 2^(failed_attempts - 1), max), spread evenly over +-jitter_percent by `random`.
/// units: failed_attempts counts from 1 (less counts as 1); the exponent stops at 30; `random` is a uniform
///     word.
Micros retry_delay(const BackoffPolicy& policy, int failed_attempts, std::uint64_t random) noexcept;

}  // namespace foreman::core
