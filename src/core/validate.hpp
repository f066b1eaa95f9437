// Checks of what users pass in: names, numbers, durations, instants. Every SQL function of the api room goes
// through these before anything is stored. Invariant: a value that passed fits its column and every later
// reckoning with it. An Error says which argument, what it was, and what is allowed; `argument` must be a
// literal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/result.hpp"
#include "core/time.hpp"

namespace foreman::core {

inline constexpr std::size_t kMaxNameBytes = 255;
inline constexpr int kMinPriority = -100;
inline constexpr int kMaxPriority = 100;
inline constexpr int kMaxMaxAttempts = 1000;
inline constexpr int kMaxMaxGroup = 200;

/// The first and the last instant that may be stored: timestamptz's own least value (4714-11-24 BC, as
/// MIN_TIMESTAMP in datatype/timestamp.h), and the end of year 9999.
inline constexpr Instant kFirstInstant{-211'813'488'000'000'000};
inline constexpr Instant kLastInstant{252'455'616'000'000'000 - 1};

/// does: checks a name or key of 1 to `max_bytes` bytes without control characters; nullopt is SQL NULL.
/// returns: the view that was passed.
/// errors: null_value, empty, too_long, invalid.
/// cost: one pass.
Result<std::string_view> check_name(std::string_view argument, std::optional<std::string_view> name,
                                    std::size_t max_bytes = kMaxNameBytes) noexcept;

/// -100 (first) to 100.
/// errors: out_of_range.
Result<std::int16_t> check_priority(std::string_view argument, std::int32_t value) noexcept;
/// 1 to 1000.
/// errors: out_of_range.
Result<std::int16_t> check_max_attempts(std::string_view argument, std::int32_t value) noexcept;
/// 1 (every job alone) to 200.
/// errors: out_of_range.
Result<std::int16_t> check_max_group(std::string_view argument, std::int32_t value) noexcept;
/// How many jobs a caller asks for: lo to hi.
/// errors: out_of_range.
Result<std::int64_t> check_qty(std::string_view argument, std::int64_t value, std::int64_t lo,
                               std::int64_t hi) noexcept;
/// How many rows a caller lets a call touch: lo to hi.
/// errors: out_of_range.
Result<std::int64_t> check_max_rows(std::string_view argument, std::int64_t value, std::int64_t lo,
                                    std::int64_t hi) noexcept;

/// does: an interval's three fields (as struct Interval in datatype/timestamp.h) as one duration; a day has
///     24 hours.
/// errors: unsupported (months), out_of_range (negative, not within min..max, overflow), infinite (17's
///     'infinity').
Result<Micros> check_duration(std::string_view argument, std::int32_t months, std::int32_t days,
                              std::int64_t micros, Micros min, Micros max) noexcept;

/// does: a timestamptz as an Instant.
/// errors: infinite, out_of_range (outside kFirstInstant..kLastInstant).
Result<Instant> check_instant(std::string_view argument, std::int64_t timestamptz) noexcept;

}  // namespace foreman::core
