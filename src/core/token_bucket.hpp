// Rate limits as token buckets: what may start costs a token, tokens come back at a steady rate up to a
// capacity. The board keeps a TokenBucket for each queue with a rate limit and for each named scope.
// Invariant: over any time t no more than capacity + refill * t tokens are given out.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/time.hpp"

namespace foreman::core {

struct BucketRule {
    double capacity;
    double refill_per_second;
    friend constexpr bool operator==(const BucketRule&, const BucketRule&) noexcept = default;
};

/// Lives in shared memory, so it has no initial values.
struct TokenBucket {
    double tokens;
    Instant at;  ///< when `tokens` was right
};

/// does: adds what came back since the last look. A clock that steps back brings nothing and takes nothing.
inline void refill(const BucketRule& rule, TokenBucket& bucket, Instant now) noexcept {
    if (now > bucket.at) {
        const double seconds = static_cast<double>((now - bucket.at).us) / 1e6;
        bucket.tokens = std::min(rule.capacity, bucket.tokens + seconds * rule.refill_per_second);
    }
    bucket.at = now;
}

/// does: takes as many of `wanted` tokens as there are, whole ones.
/// returns: how many
inline int take_some(const BucketRule& rule, TokenBucket& bucket, Instant now, int wanted) noexcept {
    refill(rule, bucket, now);
    const int n = static_cast<int>(std::min(static_cast<double>(wanted), std::floor(bucket.tokens)));
    bucket.tokens -= n;
    return n;
}

/// does: takes `cost` tokens, or none.
inline bool take_all(const BucketRule& rule, TokenBucket& bucket, Instant now, int cost) noexcept {
    refill(rule, bucket, now);
    if (bucket.tokens < cost) return false;
    bucket.tokens -= cost;
    return true;
}

/// What was taken and not used.
inline void give_back(const BucketRule& rule, TokenBucket& bucket, int tokens) noexcept {
    bucket.tokens = std::min(rule.capacity, bucket.tokens + tokens);
}

/// returns: how long until there are `cost` tokens, rounded up; kForeverAway when that never comes.
inline constexpr Micros kForeverAway{std::int64_t{1} << 60};
inline Micros until_tokens(const BucketRule& rule, const TokenBucket& bucket, int cost) noexcept {
    if (bucket.tokens >= cost) return {};
    if (cost > rule.capacity || rule.refill_per_second <= 0) return kForeverAway;
    const double us = std::ceil((cost - bucket.tokens) / rule.refill_per_second * 1e6);
    return us < static_cast<double>(kForeverAway.us) ? Micros{static_cast<std::int64_t>(us)} : kForeverAway;
}

}  // namespace foreman::core
