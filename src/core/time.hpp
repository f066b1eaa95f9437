// Durations and points in time as types of their own, in microseconds, with arithmetic that saturates.
// Everything that reckons with time uses them; there is no now() here: time is always an argument.
// Invariant: an infinite Instant stays infinite whatever is added to it, as DT_NOBEGIN and DT_NOEND in
// PostgreSQL's datatype/timestamp.h, whose values these are.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace foreman::core {

/// a + b and a - b, held at the ends of int64 instead of overflowing.
constexpr std::int64_t saturating_add(std::int64_t a, std::int64_t b) noexcept {
    std::int64_t sum = 0;
    if (!__builtin_add_overflow(a, b, &sum)) return sum;
    return b > 0 ? std::numeric_limits<std::int64_t>::max() : std::numeric_limits<std::int64_t>::min();
}
constexpr std::int64_t saturating_sub(std::int64_t a, std::int64_t b) noexcept {
    std::int64_t difference = 0;
    if (!__builtin_sub_overflow(a, b, &difference)) return difference;
    return b < 0 ? std::numeric_limits<std::int64_t>::max() : std::numeric_limits<std::int64_t>::min();
}
constexpr std::int64_t saturating_mul(std::int64_t a, std::int64_t b) noexcept {
    std::int64_t product = 0;
    if (!__builtin_mul_overflow(a, b, &product)) return product;
    return (a < 0) == (b < 0) ? std::numeric_limits<std::int64_t>::max()
                              : std::numeric_limits<std::int64_t>::min();
}

/// A duration in microseconds; negative ones are durations too.
struct Micros {
    std::int64_t us = 0;
    friend constexpr auto operator<=>(const Micros&, const Micros&) noexcept = default;
};

constexpr Micros operator+(Micros a, Micros b) noexcept { return {saturating_add(a.us, b.us)}; }
constexpr Micros operator-(Micros a, Micros b) noexcept { return {saturating_sub(a.us, b.us)}; }
constexpr Micros operator*(Micros a, std::int64_t n) noexcept { return {saturating_mul(a.us, n)}; }

constexpr Micros milliseconds(std::int64_t n) noexcept { return Micros{1'000} * n; }
constexpr Micros seconds(std::int64_t n) noexcept { return Micros{1'000'000} * n; }
constexpr Micros minutes(std::int64_t n) noexcept { return Micros{60'000'000} * n; }
constexpr Micros hours(std::int64_t n) noexcept { return Micros{3'600'000'000} * n; }
constexpr Micros days(std::int64_t n) noexcept { return Micros{86'400'000'000} * n; }

/// A point in time: microseconds since 2000-01-01 00:00 UTC, as PostgreSQL's timestamptz.
struct Instant {
    std::int64_t us = 0;
    friend constexpr auto operator<=>(const Instant&, const Instant&) noexcept = default;
};

inline constexpr Instant kMinusInfinity{std::numeric_limits<std::int64_t>::min()};
inline constexpr Instant kPlusInfinity{std::numeric_limits<std::int64_t>::max()};

constexpr bool is_finite(Instant t) noexcept { return t != kMinusInfinity && t != kPlusInfinity; }

constexpr Instant operator+(Instant t, Micros d) noexcept {
    return is_finite(t) ? Instant{saturating_add(t.us, d.us)} : t;
}
constexpr Instant operator-(Instant t, Micros d) noexcept {
    return is_finite(t) ? Instant{saturating_sub(t.us, d.us)} : t;
}
constexpr Micros operator-(Instant a, Instant b) noexcept { return {saturating_sub(a.us, b.us)}; }

/// Whoever waits for an instant looks at the clock so often: it may be set meanwhile, and nobody tells.
inline constexpr Micros kClockLook = seconds(1);

}  // namespace foreman::core
