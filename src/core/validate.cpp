// Checks of arguments: see validate.hpp. Texts are made with snprintf into fixed buffers: only a refusal pays
// for them.
#include "core/validate.hpp"

#include <cinttypes>
#include <cstdio>
#include <limits>

namespace foreman::core {

namespace {

struct Text {
    char chars[96] = {};
};

Text number_text(std::int64_t value) noexcept {
    Text text;
    std::snprintf(text.chars, sizeof text.chars, "%" PRId64, value);
    return text;
}

// "5 min", "1500 ms": the largest unit that needs no fraction.
Text duration_text(Micros d) noexcept {
    struct Unit {
        std::int64_t us;
        const char* name;
    };
    constexpr Unit kUnits[] = {{days(1).us, "days"},
                               {hours(1).us, "h"},
                               {minutes(1).us, "min"},
                               {seconds(1).us, "s"},
                               {milliseconds(1).us, "ms"}};
    Text text;
    for (const Unit& unit : kUnits) {
        if (d.us != 0 && d.us % unit.us == 0) {
            std::snprintf(text.chars, sizeof text.chars, "%" PRId64 " %s", d.us / unit.us, unit.name);
            return text;
        }
    }
    std::snprintf(text.chars, sizeof text.chars, d.us == 0 ? "0" : "%" PRId64 " us", d.us);
    return text;
}

// The fields as they came, those that are 0 left out: their sum may be what cannot be reckoned.
Text interval_text(std::int32_t months, std::int32_t days, std::int64_t micros) noexcept {
    Text text;
    int n = 0;
    const auto add = [&](const char* format, auto... values) {
        n +=
            std::snprintf(text.chars + n, sizeof text.chars - static_cast<std::size_t>(n), format, values...);
    };
    if (months != 0) add("%" PRId32 " months", months);
    if (days != 0) add(n > 0 ? " %" PRId32 " days" : "%" PRId32 " days", days);
    if (micros != 0 || n == 0) add(n > 0 ? " %.32s" : "%.32s", duration_text({micros}).chars);
    return text;
}

// Proleptic Gregorian calendar in UTC, astronomical year shown as PostgreSQL shows it (year 0 is 1 BC).
// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days:
// https://howardhinnant.github.io/date_algorithms.html
Text instant_text(std::int64_t timestamptz) noexcept {
    constexpr std::int64_t kDay = days(1).us;
    constexpr std::int64_t kEraDays = 146'097;
    constexpr std::int64_t kPgEpochFromMarch0 = 730'425;  // days from 0000-03-01 to 2000-01-01
    std::int64_t day = timestamptz / kDay;
    std::int64_t rest = timestamptz % kDay;
    if (rest < 0) {
        rest += kDay;
        day -= 1;
    }
    const std::int64_t z = day + kPgEpochFromMarch0;
    const std::int64_t era = (z >= 0 ? z : z - (kEraDays - 1)) / kEraDays;
    const std::int64_t day_of_era = z - era * kEraDays;
    const std::int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
    const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const std::int64_t month_from_march = (5 * day_of_year + 2) / 153;
    const std::int64_t day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    const std::int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    const std::int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
    const std::int64_t second = rest / seconds(1).us;
    Text text;
    std::snprintf(text.chars, sizeof text.chars,
                  "%04" PRId64 "-%02" PRId64 "-%02" PRId64 " %02" PRId64 ":%02" PRId64 ":%02" PRId64 "+00%s",
                  year > 0 ? year : 1 - year, month, day_of_month, second / 3600, second / 60 % 60,
                  second % 60, year > 0 ? "" : " BC");
    return text;
}

Error range_error(std::string_view argument, std::int64_t value, std::int64_t lo, std::int64_t hi) noexcept {
    Text allowed;
    std::snprintf(allowed.chars, sizeof allowed.chars, "a number between %" PRId64 " and %" PRId64, lo, hi);
    return make_error(ErrorCode::out_of_range, argument, number_text(value).chars, allowed.chars);
}

template <class T>
Result<T> check_range(std::string_view argument, std::int64_t value, std::int64_t lo,
                      std::int64_t hi) noexcept {
    if (value < lo || value > hi) return range_error(argument, value, lo, hi);
    return static_cast<T>(value);
}

bool has_control_character(std::string_view text) noexcept {
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7F) return true;
    }
    return false;
}

// The interval of PostgreSQL 17 and later has all fields at one end for 'infinity' and at the other for
// '-infinity' (INTERVAL_NOEND, INTERVAL_NOBEGIN in datatype/timestamp.h).
template <class T>
bool at_end(T value, bool upper) noexcept {
    return value == (upper ? std::numeric_limits<T>::max() : std::numeric_limits<T>::min());
}

}  // namespace

Result<std::string_view> check_name(std::string_view argument, std::optional<std::string_view> name,
                                    std::size_t max_bytes) noexcept {
    char allowed[96];
    std::snprintf(allowed, sizeof allowed, "1 to %zu bytes of text without control characters", max_bytes);
    if (!name.has_value()) return make_error(ErrorCode::null_value, argument, "", allowed);
    if (name->empty()) return make_error(ErrorCode::empty, argument, *name, allowed);
    if (name->size() > max_bytes) return make_error(ErrorCode::too_long, argument, *name, allowed);
    if (has_control_character(*name)) return make_error(ErrorCode::invalid, argument, *name, allowed);
    return *name;
}

Result<std::int16_t> check_priority(std::string_view argument, std::int32_t value) noexcept {
    return check_range<std::int16_t>(argument, value, kMinPriority, kMaxPriority);
}

Result<std::int16_t> check_max_attempts(std::string_view argument, std::int32_t value) noexcept {
    return check_range<std::int16_t>(argument, value, 1, kMaxMaxAttempts);
}

Result<std::int16_t> check_max_group(std::string_view argument, std::int32_t value) noexcept {
    return check_range<std::int16_t>(argument, value, 1, kMaxMaxGroup);
}

Result<std::int64_t> check_qty(std::string_view argument, std::int64_t value, std::int64_t lo,
                               std::int64_t hi) noexcept {
    return check_range<std::int64_t>(argument, value, lo, hi);
}

Result<std::int64_t> check_max_rows(std::string_view argument, std::int64_t value, std::int64_t lo,
                                    std::int64_t hi) noexcept {
    return check_range<std::int64_t>(argument, value, lo, hi);
}

Result<Micros> check_duration(std::string_view argument, std::int32_t months, std::int32_t days,
                              std::int64_t micros, Micros min, Micros max) noexcept {
    for (const bool upper : {true, false}) {
        if (at_end(months, upper) && at_end(days, upper) && at_end(micros, upper)) {
            return make_error(ErrorCode::infinite, argument, upper ? "infinity" : "-infinity",
                              "a finite duration");
        }
    }
    const Text value = interval_text(months, days, micros);
    if (months != 0) {
        return make_error(ErrorCode::unsupported, argument, value.chars,
                          "days and shorter units; months and years vary in length");
    }
    std::int64_t total = 0;
    const bool overflow = __builtin_add_overflow(core::days(days).us, micros, &total);
    if (overflow || total < min.us || total > max.us || total < 0) {
        Text allowed;
        std::snprintf(allowed.chars, sizeof allowed.chars, "a duration between %.32s and %.32s",
                      duration_text(min.us < 0 ? Micros{} : min).chars, duration_text(max).chars);
        return make_error(ErrorCode::out_of_range, argument, value.chars, allowed.chars);
    }
    return Micros{total};
}

Result<Instant> check_instant(std::string_view argument, std::int64_t timestamptz) noexcept {
    const Instant t{timestamptz};
    if (!is_finite(t)) {
        return make_error(ErrorCode::infinite, argument, t == kPlusInfinity ? "infinity" : "-infinity",
                          "a finite timestamp");
    }
    if (t < kFirstInstant || t > kLastInstant) {
        return make_error(ErrorCode::out_of_range, argument, instant_text(timestamptz).chars,
                          "a timestamp from 4714-11-24 BC to the end of year 9999");
    }
    return t;
}

}  // namespace foreman::core
