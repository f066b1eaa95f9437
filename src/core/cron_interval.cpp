// See cron_interval.hpp.
#include "core/cron_interval.hpp"

#include <array>

namespace foreman::core {

namespace {

constexpr std::string_view kNumberAllowed =
    "an interval is numbers with units, as in 90 minutes or 1 day 12 hours";
constexpr std::string_view kUnitAllowed = "a unit is seconds, minutes, hours, days or weeks";
constexpr std::string_view kNoMonths =
    "months and years have no fixed length; write cron fields, as in 0 0 1 * *";
constexpr std::string_view kLengthAllowed = "an interval is 1 second to 3660 days";
constexpr std::string_view kCronInterval = "an interval is 1 to 59 seconds, as in 30 seconds";

struct Unit {
    std::string_view name;
    Micros length;  // 0: not fixed
};
// Those of the server's own interval, see deltatktbl in utils/adt/datetime.c.
constexpr std::array kUnits{Unit{"s", seconds(1)},
                            Unit{"sec", seconds(1)},
                            Unit{"secs", seconds(1)},
                            Unit{"second", seconds(1)},
                            Unit{"seconds", seconds(1)},
                            Unit{"m", minutes(1)},
                            Unit{"min", minutes(1)},
                            Unit{"mins", minutes(1)},
                            Unit{"minute", minutes(1)},
                            Unit{"minutes", minutes(1)},
                            Unit{"h", hours(1)},
                            Unit{"hr", hours(1)},
                            Unit{"hrs", hours(1)},
                            Unit{"hour", hours(1)},
                            Unit{"hours", hours(1)},
                            Unit{"d", days(1)},
                            Unit{"day", days(1)},
                            Unit{"days", days(1)},
                            Unit{"w", days(7)},
                            Unit{"week", days(7)},
                            Unit{"weeks", days(7)},
                            Unit{"ms", milliseconds(1)},
                            Unit{"msec", milliseconds(1)},
                            Unit{"msecs", milliseconds(1)},
                            Unit{"millisecond", milliseconds(1)},
                            Unit{"milliseconds", milliseconds(1)},
                            Unit{"mon", {}},
                            Unit{"mons", {}},
                            Unit{"month", {}},
                            Unit{"months", {}},
                            Unit{"y", {}},
                            Unit{"yr", {}},
                            Unit{"yrs", {}},
                            Unit{"year", {}},
                            Unit{"years", {}},
                            Unit{"decade", {}},
                            Unit{"decades", {}},
                            Unit{"century", {}},
                            Unit{"centuries", {}},
                            Unit{"millennium", {}},
                            Unit{"millennia", {}}};

const Unit* find_unit(std::string_view word) noexcept {
    for (const Unit& u : kUnits) {
        if (same_word(word, u.name)) return &u;
    }
    return nullptr;
}

// A number of units in microseconds. fraction: the digits after the point, those beyond the sixth are
// dropped.
Micros measure(std::int64_t whole, std::string_view fraction, Micros unit) noexcept {
    std::int64_t millionths = 0;
    std::int64_t place = 100'000;
    for (const char c : fraction.substr(0, 6)) {
        millionths += place * (c - '0');
        place /= 10;
    }
    // Units are at most a week: 604800000000 * 999999 fits.
    return unit * whole + Micros{unit.us * millionths / 1'000'000};
}

ScheduleFault read_fraction(Cursor* in, std::string_view* fraction) noexcept {
    if (!in->take('.')) return kNoFault;
    *fraction = in->take_while(is_digit);
    return fraction->empty() ? in->fault(kNumberAllowed) : kNoFault;
}

// hh:mm or hh:mm:ss, after the hours.
ScheduleFault read_clock(Cursor* in, std::int64_t whole_hours, Micros* sum) noexcept {
    constexpr std::string_view kAllowed =
        "a length of time is hh:mm or hh:mm:ss, with 00 to 59 minutes and seconds";
    std::array<std::int64_t, 2> parts{};
    std::string_view fraction;
    for (std::size_t i = 0; i < parts.size() && in->take(':'); i++) {
        const std::size_t begin = in->position();
        const std::string_view digits = in->take_while(is_digit);
        parts[i] = number_of(digits);
        if (digits.size() != 2 || parts[i] > 59) return {begin, kAllowed};
        if (i == 1) {
            if (const ScheduleFault f = read_fraction(in, &fraction); f.any()) return f;
        }
    }
    *sum = *sum + hours(1) * whole_hours + minutes(parts[0]) + measure(parts[1], fraction, seconds(1));
    return in->at_gap() ? kNoFault : in->fault(kAllowed);
}

ScheduleFault read_part(Cursor* in, Micros* sum) noexcept {
    const std::string_view digits = in->take_while(is_digit);
    if (digits.empty()) return in->fault(kNumberAllowed);
    const std::int64_t whole = number_of(digits);
    if (in->peek() == ':') return read_clock(in, whole, sum);
    std::string_view fraction;
    if (const ScheduleFault f = read_fraction(in, &fraction); f.any()) return f;
    in->take_while(is_space);
    const ScheduleFault bad = in->fault(kUnitAllowed);
    const Unit* unit = find_unit(in->take_while(is_letter));
    if (unit == nullptr) return bad;
    if (unit->length == Micros{}) return {bad.position, kNoMonths};
    *sum = *sum + measure(whole, fraction, unit->length);
    return kNoFault;
}

// ISO 8601 with designators, after the P: 1W, 1DT2H30M, T90S.
ScheduleFault read_iso(Cursor* in, Micros* sum) noexcept {
    constexpr std::string_view kAllowed =
        "a length of time is P with days, then T with hours, minutes, seconds";
    bool time = false;
    int parts = 0;
    while (!in->at_gap()) {
        if (!time && in->take('T')) {
            time = true;
            parts = 0;
            continue;
        }
        const std::string_view digits = in->take_while(is_digit);
        std::string_view fraction;
        if (digits.empty()) return in->fault(kAllowed);
        if (const ScheduleFault f = read_fraction(in, &fraction); f.any()) return f;
        const ScheduleFault bad = in->fault(kAllowed);
        const bool months = !time && (in->peek() == 'Y' || in->peek() == 'M');
        if (months) return {bad.position, kNoMonths};
        Micros unit{};
        if (!time && in->take('W'))
            unit = days(7);
        else if (!time && in->take('D'))
            unit = days(1);
        else if (time && in->take('H'))
            unit = hours(1);
        else if (time && in->take('M'))
            unit = minutes(1);
        else if (time && in->take('S'))
            unit = seconds(1);
        else
            return bad;
        *sum = *sum + measure(number_of(digits), fraction, unit);
        parts++;
    }
    if (parts == 0) return in->fault(kAllowed);
    in->take_while(is_space);
    return in->at_end() ? kNoFault : in->fault(kAllowed);
}

ScheduleFault read_parts(Cursor* in, Micros* sum) noexcept {
    if (in->take('P')) return read_iso(in, sum);
    do {
        if (const ScheduleFault f = read_part(in, sum); f.any()) return f;
        in->take_while(is_space);
    } while (!in->at_end());
    return kNoFault;
}

}  // namespace

ScheduleFault read_interval(Cursor* in, Schedule* out) noexcept {
    const std::size_t begin = in->position();
    if (in->take('@')) in->take_while(is_blank);  // as IntervalStyle postgres_verbose begins
    in->take('+');
    Micros sum{};
    if (const ScheduleFault f = read_parts(in, &sum); f.any()) return f;
    if (sum < kLeastEvery || sum > kMostEvery) return {begin, kLengthAllowed};
    out->type = ScheduleType::interval;
    out->every = sum;
    return kNoFault;
}

ScheduleFault read_cron_interval(Cursor* in, Schedule* out) noexcept {
    const ScheduleFault bad = in->fault(kCronInterval);
    in->take('+');
    const std::int64_t n = number_of(in->take_while(is_digit));
    in->take_while(is_space);
    const std::string_view word = in->take_while(is_letter);
    in->take_while(is_space);
    if (n < 1 || n > 59 || !in->at_end() || !(same_word(word, "second") || same_word(word, "seconds")))
        return bad;
    out->type = ScheduleType::interval;
    out->every = seconds(n);
    return kNoFault;
}

bool looks_like_interval(Cursor in) noexcept {
    if (in.take('@')) return is_blank(in.peek());
    if (in.take('P')) return in.peek() == 'T' || is_digit(in.peek());
    if (in.peek() == '+' || in.peek() == '-') return true;
    if (in.take_while(is_digit).empty()) return false;
    if (in.peek() == ':' || in.peek() == '.') return true;
    in.take_while(is_space);
    return is_letter(in.peek());
}

}  // namespace foreman::core
