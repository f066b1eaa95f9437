// Arguments of SQL functions as checked values. Every value that a user passes goes through here before
// anything is stored. `argument` is the parameter's name, a literal; nothing stands for SQL NULL.
//
// errors of all: 22004 a NULL where none is allowed, 22003 a number and 22008 a time or duration out of
// range, 22023 anything else. The message names the argument and the value, the hint says what is allowed.
#pragma once

#include <optional>
#include <string_view>

#include "core/result.hpp"
#include "core/validate.hpp"
#include "pg/datum.hpp"

namespace foreman::request {

using OptionalDatum = std::optional<Datum>;
using OptionalText = std::optional<std::string_view>;

/// Throws the Failure that says what core found.
[[noreturn]] void refuse(const core::Error& error, int out_of_range = ERRCODE_INVALID_PARAMETER_VALUE);
template <class T>
T accept(const core::Result<T>& result, int out_of_range = ERRCODE_INVALID_PARAMETER_VALUE) {
    if (!result.ok()) [[unlikely]]
        refuse(result.error(), out_of_range);
    return result.value();
}

/// Not NULL.
Datum required(OptionalDatum value, const char* argument);
std::int64_t required_id(OptionalDatum value, const char* argument = "job_id");

/// A name or key: 1 to 255 bytes without control characters. Views live as long as the argument.
std::string_view required_name(OptionalDatum value, const char* argument);
OptionalText optional_name(OptionalDatum value, const char* argument);
/// Any text that is not NULL; and one that may be.
std::string_view required_text(OptionalDatum value, const char* argument);
OptionalText optional_text(OptionalDatum value);

std::optional<std::int16_t> optional_priority(OptionalDatum value);
std::optional<std::int16_t> optional_max_attempts(OptionalDatum value);
std::optional<std::int16_t> optional_max_group(OptionalDatum value);
/// An int4 that is not NULL.
std::int64_t required_count(OptionalDatum value, const char* argument, std::int64_t lo, std::int64_t hi);

std::optional<core::Instant> optional_instant(OptionalDatum value, const char* argument);

struct Span {
    core::Micros min, max;
};
inline constexpr Span kTimeouts{core::milliseconds(1), core::days(3653)};
inline constexpr Span kDelays{core::Micros{0}, core::days(3653)};
inline constexpr Span kBackoffs{core::Micros{0}, core::days(366)};
inline constexpr Span kRetentions{core::Micros{0}, core::days(36525)};
std::optional<core::Micros> optional_duration(OptionalDatum value, const char* argument, Span span);
core::Micros required_duration(OptionalDatum value, const char* argument, Span span);

/// An array of one dimension that is not NULL; its elements may be.
pg::Elements required_elements(OptionalDatum value, const char* argument, pg::ElementType type);
/// The job ids of a _many function: none of them NULL.
pg::Elements required_ids(OptionalDatum value);

}  // namespace foreman::request
