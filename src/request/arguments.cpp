// See arguments.hpp.
#include "request/arguments.hpp"

#include "pg/error.hpp"

namespace foreman::request {

namespace {

pg::Failure describe(const core::Error& e, int out_of_range) {
    const int n = static_cast<int>(e.argument.size());
    const char* argument = e.argument.data();
    switch (e.code) {
        case core::ErrorCode::null_value:
            return {ERRCODE_NULL_VALUE_NOT_ALLOWED, "%.*s must not be NULL", n, argument};
        case core::ErrorCode::empty:
            return {ERRCODE_INVALID_PARAMETER_VALUE, "%.*s must not be empty", n, argument};
        case core::ErrorCode::too_long:
            return {ERRCODE_INVALID_PARAMETER_VALUE, "%.*s \"%s\" is too long", n, argument, e.value};
        case core::ErrorCode::out_of_range:
            return {out_of_range, "%.*s %s is out of range", n, argument, e.value};
        case core::ErrorCode::infinite:
            return {out_of_range, "%.*s must not be %s", n, argument, e.value};
        case core::ErrorCode::invalid:
            return {ERRCODE_INVALID_PARAMETER_VALUE, "%.*s \"%s\" is not allowed", n, argument, e.value};
        case core::ErrorCode::unsupported:
            break;
    }
    return {ERRCODE_INVALID_PARAMETER_VALUE, "%.*s %s is not supported", n, argument, e.value};
}

constexpr int kNumber = ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE;
constexpr int kTime = ERRCODE_DATETIME_VALUE_OUT_OF_RANGE;

}  // namespace

void refuse(const core::Error& error, int out_of_range) {
    throw describe(error, out_of_range).hint("Allowed: %s.", error.allowed);
}

Datum required(OptionalDatum value, const char* argument) {
    if (!value) refuse(core::null_argument(argument));
    return *value;
}

std::int64_t required_id(OptionalDatum value, const char* argument) {
    return DatumGetInt64(required(value, argument));
}

std::string_view required_name(OptionalDatum value, const char* argument) {
    return accept(core::check_name(argument, optional_text(value)));
}

OptionalText optional_name(OptionalDatum value, const char* argument) {
    if (!value) return std::nullopt;
    return required_name(value, argument);
}

std::string_view required_text(OptionalDatum value, const char* argument) {
    return pg::text_view(required(value, argument));
}

OptionalText optional_text(OptionalDatum value) {
    if (!value) return std::nullopt;
    return pg::text_view(*value);
}

std::optional<std::int16_t> optional_priority(OptionalDatum value) {
    if (!value) return std::nullopt;
    return accept(core::check_priority("priority", DatumGetInt32(*value)), kNumber);
}

std::optional<std::int16_t> optional_max_attempts(OptionalDatum value) {
    if (!value) return std::nullopt;
    return accept(core::check_max_attempts("max_attempts", DatumGetInt32(*value)), kNumber);
}

std::optional<std::int16_t> optional_max_group(OptionalDatum value) {
    if (!value) return std::nullopt;
    return accept(core::check_max_group("max_group", DatumGetInt32(*value)), kNumber);
}

std::int64_t required_count(OptionalDatum value, const char* argument, std::int64_t lo, std::int64_t hi) {
    return accept(core::check_qty(argument, DatumGetInt32(required(value, argument)), lo, hi), kNumber);
}

std::optional<core::Instant> optional_instant(OptionalDatum value, const char* argument) {
    if (!value) return std::nullopt;
    return accept(core::check_instant(argument, DatumGetTimestampTz(*value)), kTime);
}

std::optional<core::Micros> optional_duration(OptionalDatum value, const char* argument, Span span) {
    if (!value) return std::nullopt;
    const pg::IntervalParts p = pg::interval_parts(*value);
    return accept(core::check_duration(argument, p.months, p.days, p.us, span.min, span.max), kTime);
}

core::Micros required_duration(OptionalDatum value, const char* argument, Span span) {
    return *optional_duration(required(value, argument), argument, span);
}

pg::Elements required_elements(OptionalDatum value, const char* argument, pg::ElementType type) {
    const Datum array = required(value, argument);
    if (pg::guarded([array] { return ARR_NDIM(DatumGetArrayTypeP(array)); }) > 1) {
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "%s must not have several dimensions", argument)
            .hint("Allowed: an array of one dimension.");
    }
    return pg::array_elements(array, type);
}

pg::Elements required_ids(OptionalDatum value) {
    const pg::Elements ids = required_elements(value, "job_ids", pg::kInt8);
    for (int i = 0; i < ids.count; i++) {
        if (ids.nulls[i]) {
            throw pg::Failure(ERRCODE_NULL_VALUE_NOT_ALLOWED, "element %d of job_ids must not be NULL",
                              i + 1);
        }
    }
    return ids;
}

}  // namespace foreman::request
