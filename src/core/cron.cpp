// The grammar of schedules: see cron.hpp. It follows pg_cron's, which follows Vixie cron's, in what both
// mean, and refuses what those accept by accident: trailing text, text after an element, numbers that wrap,
// ranges that run backwards, dates that never come.
#include "core/cron.hpp"

#include <array>

#include "core/cron_interval.hpp"
#include "core/cron_text.hpp"

namespace foreman::core {

namespace {

// ---- fields

constexpr std::array<std::string_view, 12> kMonths{"jan", "feb", "mar", "apr", "may", "jun",
                                                   "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdays{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct FieldRules {
    int least, most;
    const std::string_view* names;  // of least, least + 1, ...
    int name_count;
    std::string_view allowed, step, after;
};

constexpr std::array<FieldRules, 6> kFields{{
    {0, 59, nullptr, 0, "a second is *, or 0 to 59", "a step of seconds is 1 to 59",
     "the field of the seconds ends here"},
    {0, 59, nullptr, 0, "a minute is *, or 0 to 59", "a step of minutes is 1 to 59",
     "the field of the minutes ends here"},
    {0, 23, nullptr, 0, "an hour is *, or 0 to 23", "a step of hours is 1 to 23",
     "the field of the hours ends here"},
    {1, 31, nullptr, 0, "a day of the month is *, 1 to 31, or $ alone for the last",
     "a step of days is 1 to 31", "the field of the days ends here"},
    {1, 12, kMonths.data(), 12, "a month is *, 1 to 12, or jan to dec", "a step of months is 1 to 12",
     "the field of the months ends here"},
    {0, 7, kWeekdays.data(), 7, "a day of the week is *, 0 to 7 (0 and 7 are Sunday), or sun to sat",
     "a step of weekdays is 1 to 7", "the field of the weekdays ends here"},
}};
constexpr std::string_view kStepNeedsRange = "a step follows * or a range, as in */5 and 10-30/5";
constexpr std::string_view kBackwards =
    "a range does not run backwards; write its two parts, as in 22-23,0-2";
constexpr std::string_view kFewFields = "a schedule has five fields, or six with leading seconds";
constexpr std::string_view kManyFields = "a schedule ends after five fields, or six with leading seconds";
constexpr std::string_view kManyCronFields = "a schedule ends after five fields";
constexpr std::string_view kNoSuchDate = "these days do not exist in these months";

struct Field {
    std::uint64_t set = 0;
    bool starts_with_star = false;
    std::size_t position = 0;
};

// A number or a name; a fault leaves the cursor at its first character.
ScheduleFault read_value(Cursor* in, const FieldRules& rules, int* value) noexcept {
    const std::size_t begin = in->position();
    if (is_digit(in->peek())) {
        const std::int64_t n = number_of(in->take_while(is_digit));
        if (n >= rules.least && n <= rules.most) {
            *value = static_cast<int>(n);
            return kNoFault;
        }
    } else if (rules.name_count > 0) {
        const std::string_view word = in->take_while(is_letter);
        for (int i = 0; i < rules.name_count; i++) {
            if (!same_word(word, rules.names[i])) continue;
            *value = rules.least + i;
            return kNoFault;
        }
    }
    in->go_back_to(begin);
    return in->fault(rules.allowed);
}

ScheduleFault read_step(Cursor* in, const FieldRules& rules, int* step) noexcept {
    const std::size_t begin = in->position();
    const std::int64_t n = number_of(in->take_while(is_digit));
    if (n < 1 || n > rules.most) return {begin, rules.step};
    *step = static_cast<int>(n);
    return kNoFault;
}

ScheduleFault read_element(Cursor* in, const FieldRules& rules, std::uint64_t* set) noexcept {
    int first = rules.least;
    int last = rules.most;
    int step = 1;
    bool range = true;
    if (!in->take('*')) {
        const std::size_t begin = in->position();
        if (const ScheduleFault f = read_value(in, rules, &first); f.any()) return f;
        range = in->take('-');
        last = first;
        if (range) {
            if (const ScheduleFault f = read_value(in, rules, &last); f.any()) return f;
            if (last < first) return {begin, kBackwards};
        }
    }
    if (in->peek() == '/') {
        if (!range) return in->fault(kStepNeedsRange);
        in->take('/');
        if (const ScheduleFault f = read_step(in, rules, &step); f.any()) return f;
    }
    for (int i = first; i <= last; i += step) *set |= std::uint64_t{1} << i;
    return kNoFault;
}

ScheduleFault read_field(Cursor* in, const FieldRules& rules, Field* field) noexcept {
    field->position = in->position();
    field->starts_with_star = in->peek() == '*';
    do {
        if (const ScheduleFault f = read_element(in, rules, &field->set); f.any()) return f;
    } while (in->take(','));
    return in->at_gap() ? kNoFault : in->fault(rules.after);
}

// February has 29 days in some year, and every one of those falls on each weekday in the course of time.
bool some_day_exists(const Schedule& s) noexcept {
    constexpr std::uint32_t k29 = ((1U << 29) - 1) << 1;
    constexpr std::uint32_t k30 = ((1U << 30) - 1) << 1;
    if (s.last_day || !s.days_and_weekdays) return true;
    for (int month = 1; month <= 12; month++) {
        if ((s.months >> month & 1) == 0) continue;
        const bool thirty = month == 4 || month == 6 || month == 9 || month == 11;
        if ((s.days & (month == 2 ? k29 : thirty ? k30 : ~0U)) != 0) return true;
    }
    return false;
}

int count_fields(Cursor in) noexcept {
    int n = 0;
    for (;;) {
        in.take_while(is_space);
        if (in.at_end()) return n;
        in.take_while([](char c) { return !is_space(c); });
        n++;
    }
}

ScheduleFault read_fields(Cursor* in, CronDialect dialect, Schedule* out) noexcept {
    constexpr std::size_t kAll = kFields.size();
    constexpr std::size_t kDays = 3;
    const std::size_t skipped = dialect == CronDialect::foreman && count_fields(*in) >= 6 ? 0 : 1;
    std::array<Field, kAll> fields{};
    if (skipped == 1) fields[0].set = 1;
    for (std::size_t i = skipped; i < kAll; i++) {
        in->take_while(is_space);
        if (in->at_end()) return in->fault(kFewFields);
        if (i == kDays && in->take('$')) {
            if (!in->at_gap()) return in->fault(kFields[i].allowed);
            out->last_day = true;
            fields[i].position = in->position() - 1;
            continue;
        }
        if (const ScheduleFault f = read_field(in, kFields[i], &fields[i]); f.any()) return f;
    }
    in->take_while(is_space);
    if (!in->at_end()) return in->fault(dialect == CronDialect::foreman ? kManyFields : kManyCronFields);
    out->seconds = fields[0].set;
    out->minutes = fields[1].set;
    out->hours = static_cast<std::uint32_t>(fields[2].set);
    out->days = static_cast<std::uint32_t>(fields[3].set);
    out->months = static_cast<std::uint16_t>(fields[4].set);
    out->weekdays = static_cast<std::uint8_t>((fields[5].set | fields[5].set >> 7) & 0x7F);
    out->days_and_weekdays = fields[3].starts_with_star || fields[5].starts_with_star;
    return some_day_exists(*out) ? kNoFault : ScheduleFault{fields[kDays].position, kNoSuchDate};
}

// ---- names

constexpr std::string_view kNameAllowed =
    "a name is @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually, @reboot or @restart";

struct Named {
    std::string_view name, fields;  // no fields: @reboot
};
constexpr std::array<Named, 9> kNames{{{"@hourly", "0 * * * *"},
                                       {"@daily", "0 0 * * *"},
                                       {"@midnight", "0 0 * * *"},
                                       {"@weekly", "0 0 * * 0"},
                                       {"@monthly", "0 0 1 * *"},
                                       {"@yearly", "0 0 1 1 *"},
                                       {"@annually", "0 0 1 1 *"},
                                       {"@reboot", ""},
                                       {"@restart", ""}}};

ScheduleFault read_name(Cursor* in, Schedule* out) noexcept {
    const ScheduleFault bad = in->fault(kNameAllowed);
    const std::string_view word = in->take_while([](char c) { return !is_space(c); });
    for (const Named& n : kNames) {
        if (word != n.name) continue;
        in->take_while(is_space);
        if (!in->at_end()) return in->fault("a schedule ends after its @name");
        if (n.fields.empty()) {
            out->type = ScheduleType::reboot;
            return kNoFault;
        }
        Cursor fields(n.fields);
        return read_fields(&fields, CronDialect::foreman, out);
    }
    return bad;
}

void skip_comments(Cursor* in) noexcept {
    for (;;) {
        in->take_while(is_space);
        if (in->peek() != '#') return;
        in->take_while([](char c) { return c != '\n'; });
    }
}

}  // namespace

ScheduleFault parse_schedule(std::string_view text, CronDialect dialect, Schedule* out) noexcept {
    if (text.size() > kMaxScheduleBytes) return {kMaxScheduleBytes, "a schedule is shorter than 1000 bytes"};
    Cursor in(text);
    skip_comments(&in);
    Schedule parsed;
    ScheduleFault fault;
    if (looks_like_interval(in)) {
        fault =
            dialect == CronDialect::pg_cron ? read_cron_interval(&in, &parsed) : read_interval(&in, &parsed);
    } else if (in.peek() == '@') {
        fault = read_name(&in, &parsed);
    } else {
        fault = read_fields(&in, dialect, &parsed);
    }
    if (!fault.any()) *out = parsed;
    return fault;
}

}  // namespace foreman::core
