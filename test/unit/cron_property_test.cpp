// next_after() against a brute force that knows nothing of it: a clock that ticks through every second of a
// zone with wild changes, and looks at each whether a field list in text form names its local time.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <vector>

#include "core/cron_next.hpp"
#include "cron_zones.hpp"

namespace foreman::core {
namespace {

struct RandomField {
    std::string text;
    std::vector<int> values;
    bool starts_with_star = false;
};

RandomField random_field(std::mt19937& random, int least, int most, int star_percent) {
    const auto pick = [&](int lo, int hi) {
        return lo + static_cast<int>(random() % static_cast<unsigned>(hi - lo + 1));
    };
    RandomField f;
    const int elements = pick(1, 3);
    for (int i = 0; i < elements; i++) {
        int first = least;
        int last = most;
        int step = 1;
        std::string text = "*";
        if (pick(1, 100) > star_percent) {
            first = pick(least, most);
            last = pick(0, 1) == 0 ? first : pick(first, most);
            text = std::to_string(first) + (last > first ? "-" + std::to_string(last) : "");
        }
        if ((text == "*" || last > first) && pick(0, 1) == 0) {
            step = pick(1, most);
            text += "/" + std::to_string(step);
        }
        if (i == 0) f.starts_with_star = text[0] == '*';
        f.text += (i == 0 ? "" : ",") + text;
        for (int v = first; v <= last; v += step) f.values.push_back(v);
    }
    return f;
}

bool names(const RandomField& f, int value) { return std::ranges::find(f.values, value) != f.values.end(); }

struct RandomSchedule {
    RandomField second, minute, hour, day, month, weekday;
    std::string text;

    bool matches(Instant local) const {
        using namespace std::chrono;
        const sys_time<microseconds> t{sys_days{std::chrono::year{2000} / 1 / 1} + microseconds{local.us}};
        const auto date = floor<std::chrono::days>(t);
        const year_month_day d{date};
        const hh_mm_ss clock{floor<std::chrono::seconds>(t - date)};
        const int dow = static_cast<int>(std::chrono::weekday{date}.c_encoding());
        const bool day_ok = names(day, static_cast<int>(static_cast<unsigned>(d.day())));
        const bool dow_ok = names(weekday, dow) || (dow == 0 && names(weekday, 7));
        const bool both = day.starts_with_star || weekday.starts_with_star;
        return names(second, static_cast<int>(clock.seconds().count())) &&
               names(minute, static_cast<int>(clock.minutes().count())) &&
               names(hour, static_cast<int>(clock.hours().count())) &&
               names(month, static_cast<int>(static_cast<unsigned>(d.month()))) &&
               (both ? day_ok && dow_ok : day_ok || dow_ok);
    }
    bool every_hour() const {
        for (int h = 0; h < 24; h++) {
            if (!names(hour, h)) return false;
        }
        return true;
    }
};

RandomSchedule random_schedule(std::mt19937& random) {
    RandomSchedule s;
    s.second = random_field(random, 0, 59, 10);
    s.minute = random_field(random, 0, 59, 20);
    s.hour = random_field(random, 0, 23, 30);
    s.day = random_field(random, 1, 31, 60);
    s.month = random_field(random, 1, 12, 70);
    s.weekday = random_field(random, 0, 7, 60);
    s.text = s.second.text + " " + s.minute.text + " " + s.hour.text + " " + s.day.text + " " + s.month.text +
             " " + s.weekday.text;
    return s;
}

// What fires in (begin, end], by the definition: of fixed hours, whatever local times the local clock reaches
// for the first time at an instant; of every hour, whatever the local clock shows.
std::vector<Instant> brute_force(const RandomSchedule& s, const TestZone& zone, Instant begin, Instant end) {
    std::vector<Instant> found;
    const bool elapsed = s.every_hour();
    Instant reached = zone.local(begin - days(3));
    for (Instant t = begin - days(3); t < begin; t = t + seconds(1))
        reached = std::max(reached, zone.local(t));
    for (Instant t = begin; t <= end; t = t + seconds(1)) {
        const Instant local = zone.local(t);
        bool fires = false;
        if (elapsed) {
            fires = s.matches(local);
        } else {
            for (Instant l = reached + seconds(1); l <= local && !fires; l = l + seconds(1))
                fires = s.matches(l);
            reached = std::max(reached, local);
        }
        if (fires && t > begin) found.push_back(t);
    }
    return found;
}

TEST(CronProperties, AgreesWithAClockThatTicks) {
    std::mt19937 random(20261125);
    constexpr Micros kSteps[] = {hours(1), hours(-1), minutes(30), minutes(-30),
                                 hours(2), hours(-2), hours(24),   hours(-24)};
    int fired = 0;
    int tried = 0;
    for (int round = 0; round < 120; round++) {
        const RandomSchedule s = random_schedule(random);
        Schedule parsed;
        if (parse_schedule(s.text, CronDialect::foreman, &parsed).any()) continue;  // a date that never comes
        tried++;
        // Around the ends of months and of February now and then.
        const Instant begin =
            utc(2000 + static_cast<int>(random() % 120), 1 + static_cast<unsigned>(random() % 12), 27,
                static_cast<int>(random() % 24)) +
            days(random() % 2 == 0 ? 0 : static_cast<int>(random() % 9));
        const Micros offset = hours(static_cast<int>(random() % 27) - 12);
        const Instant change = begin + seconds(static_cast<int>(random() % 200'000));
        const Micros step = kSteps[random() % std::size(kSteps)];
        const TestZone zone(offset, {{change, offset + step}});
        const Instant end = begin + seconds(180'000);
        const std::vector<Instant> expected = brute_force(s, zone, begin, end);
        std::vector<Instant> found;
        for (auto t = next_after(parsed, begin, begin, zone); t && *t <= end;
             t = next_after(parsed, *t, begin, zone))
            found.push_back(*t);
        ASSERT_EQ(found.size(), expected.size()) << s.text << " round " << round;
        ASSERT_EQ(found, expected) << s.text << " round " << round;
        fired += static_cast<int>(found.size());
        // Asked from anywhere between two occurrences, the answer is the same.
        const Instant middle = begin + seconds(static_cast<int>(random() % 180'000));
        const auto later = std::ranges::upper_bound(expected, middle);
        const auto next = next_after(parsed, middle, begin, zone);
        if (later != expected.end()) {
            ASSERT_TRUE(next.has_value()) << s.text;
            ASSERT_EQ(*next, *later) << s.text << " from " << middle.us;
        }
    }
    EXPECT_GT(tried, 90);
    EXPECT_GT(fired, 500);
}

}  // namespace
}  // namespace foreman::core
