// When schedules fire: calendars, leap years, both changes of the clocks, intervals, and the ends of time.
#include "core/cron_next.hpp"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "core/validate.hpp"
#include "cron_zones.hpp"

namespace foreman::core {
namespace {

Schedule parsed(std::string_view text) {
    Schedule s;
    const ScheduleFault f = parse_schedule(text, CronDialect::foreman, &s);
    EXPECT_FALSE(f.any()) << text << ": " << f.allowed;
    return s;
}

std::vector<Instant> runs(std::string_view text, Instant after, int n, const Zone& zone = TestZone{},
                          Instant anchor = kMinusInfinity) {
    const Schedule s = parsed(text);
    std::vector<Instant> found;
    for (int i = 0; i < n; i++) {
        const auto next = next_after(s, after, anchor, zone);
        if (!next) break;
        EXPECT_GT(*next, after);
        found.push_back(*next);
        after = *next;
    }
    return found;
}

using Instants = std::vector<Instant>;

TEST(CronNext, IsLaterThanTheInstant) {
    const Instant noon = utc(2026, 5, 4, 12);
    EXPECT_EQ(runs("0 12 * * *", noon, 1), Instants{utc(2026, 5, 5, 12)});
    EXPECT_EQ(runs("0 12 * * *", noon - Micros{1}, 1), Instants{noon});
    EXPECT_EQ(runs("* * * * *", noon + Micros{1}, 2),
              (Instants{utc(2026, 5, 4, 12, 1), utc(2026, 5, 4, 12, 2)}));
    EXPECT_EQ(runs("* * * * * *", noon + Micros{1}, 2), (Instants{noon + seconds(1), noon + seconds(2)}));
    EXPECT_EQ(runs("59 59 23 31 12 *", noon, 2),
              (Instants{utc(2026, 12, 31, 23, 59, 59), utc(2027, 12, 31, 23, 59, 59)}));
}

TEST(CronNext, BeforeTheEpoch) {
    EXPECT_EQ(runs("0 0 1 1 *", utc(1899, 6, 1), 2), (Instants{utc(1900, 1, 1), utc(1901, 1, 1)}));
    EXPECT_EQ(runs("30 * * * *", utc(1999, 12, 31, 23, 45), 1), Instants{utc(2000, 1, 1, 0, 30)});
}

TEST(CronNext, Names) {
    const Instant t = utc(2026, 11, 25, 19, 45);  // a Wednesday
    EXPECT_EQ(runs("@hourly", t, 1), Instants{utc(2026, 11, 25, 20)});
    EXPECT_EQ(runs("@daily", t, 1), Instants{utc(2026, 11, 26)});
    EXPECT_EQ(runs("@weekly", t, 1), Instants{utc(2026, 11, 29)});
    EXPECT_EQ(runs("@monthly", t, 1), Instants{utc(2026, 12, 1)});
    EXPECT_EQ(runs("@yearly", t, 2), (Instants{utc(2027, 1, 1), utc(2028, 1, 1)}));
    EXPECT_EQ(runs("@reboot", t, 1), Instants{});
}

TEST(CronNext, LastDayAndLeapYears) {
    EXPECT_EQ(runs("0 0 $ * *", utc(2027, 12, 31), 4),
              (Instants{utc(2028, 1, 31), utc(2028, 2, 29), utc(2028, 3, 31), utc(2028, 4, 30)}));
    EXPECT_EQ(runs("0 0 29 2 *", utc(2026, 1, 1), 2), (Instants{utc(2028, 2, 29), utc(2032, 2, 29)}));
    // 2100 is no leap year, 2000 is one.
    EXPECT_EQ(runs("0 0 29 2 *", utc(2096, 2, 29), 1), Instants{utc(2104, 2, 29)});
    EXPECT_EQ(runs("0 0 29 2 *", utc(1996, 2, 29), 1), Instants{utc(2000, 2, 29)});
    EXPECT_EQ(runs("0 0 $ 2 *", utc(2100, 1, 1), 1), Instants{utc(2100, 2, 28)});
    EXPECT_EQ(runs("0 0 1 3 *", utc(2100, 2, 28), 1), Instants{utc(2100, 3, 1)});
    // On a Sunday that is 40 years away, the farthest there is.
    EXPECT_EQ(runs("0 0 29 2 */7", utc(2088, 2, 29), 1), Instants{utc(2128, 2, 29)});
}

TEST(CronNext, DaysOrWeekdays) {
    // The 13th, and Fridays.
    EXPECT_EQ(runs("0 0 13 * 5", utc(2026, 2, 1), 4),
              (Instants{utc(2026, 2, 6), utc(2026, 2, 13), utc(2026, 2, 20), utc(2026, 2, 27)}));
    EXPECT_EQ(runs("0 0 13 * 5", utc(2026, 4, 10), 2), (Instants{utc(2026, 4, 13), utc(2026, 4, 17)}));
    // Odd days that are Fridays.
    EXPECT_EQ(runs("0 0 */2 * 5", utc(2026, 2, 1), 2), (Instants{utc(2026, 2, 13), utc(2026, 2, 27)}));
    EXPECT_EQ(runs("0 0 $ * 1", utc(2026, 2, 20), 3),
              (Instants{utc(2026, 2, 23), utc(2026, 2, 28), utc(2026, 3, 2)}));
}

TEST(CronNext, LocalTime) {
    EXPECT_EQ(runs("0 9 * * *", utc(2026, 1, 1), 1, TestZone{hours(5) + minutes(30)}),
              Instants{utc(2026, 1, 1, 3, 30)});
    EXPECT_EQ(runs("0 23 1 * *", utc(2026, 1, 1), 1, TestZone{hours(-8)}), Instants{utc(2026, 1, 2, 7)});
    // A zone of before 1900 has seconds.
    EXPECT_EQ(runs("0 9 * * *", utc(1880, 1, 1), 1, TestZone{seconds(3208)}),
              Instants{utc(1880, 1, 1, 8, 6, 32)});
}

// In 2026 clocks go from 02:00 to 03:00 on 29 March at 01:00 UTC, and back from 03:00 on 25 October at 01:00
// UTC.
TEST(CronNext, SkippedTimeFiresRightAfterTheGap) {
    const TestZone berlin = TestZone::berlin(2020, 2030);
    const Instant gap = utc(2026, 3, 29, 1);
    EXPECT_EQ(runs("30 2 * * *", utc(2026, 3, 28, 0), 3, berlin),
              (Instants{utc(2026, 3, 28, 1, 30), gap, utc(2026, 3, 30, 0, 30)}));
    // All that the gap swallowed, and what is due at its end, are one.
    EXPECT_EQ(runs("*/10 2,3 * * *", utc(2026, 3, 28, 22), 2, berlin), (Instants{gap, gap + minutes(10)}));
    EXPECT_EQ(runs("0 3 * * *", utc(2026, 3, 28, 22), 2, berlin), (Instants{gap, utc(2026, 3, 30, 1)}));
    EXPECT_EQ(runs("59 1 * * *", utc(2026, 3, 28, 22), 2, berlin),
              (Instants{gap - minutes(1), utc(2026, 3, 29, 23, 59)}));
    // Once a year, and the year's is swallowed.
    EXPECT_EQ(runs("30 2 29 3 *", utc(2026, 1, 1), 2, berlin), (Instants{gap, utc(2027, 3, 29, 0, 30)}));
}

TEST(CronNext, RepeatedTimeFiresTheFirstTime) {
    const TestZone berlin = TestZone::berlin(2020, 2030);
    const Instant fold = utc(2026, 10, 25, 1);
    EXPECT_EQ(runs("30 2 * * *", utc(2026, 10, 24, 12), 2, berlin),
              (Instants{fold - minutes(30), utc(2026, 10, 26, 1, 30)}));
    EXPECT_EQ(runs("0 3 * * *", utc(2026, 10, 24, 12), 2, berlin),
              (Instants{fold + hours(1), utc(2026, 10, 26, 2)}));
    EXPECT_EQ(runs("0,30 2-3 * * *", utc(2026, 10, 24, 12), 4, berlin),
              (Instants{fold - hours(1), fold - minutes(30), fold + hours(1), fold + minutes(90)}));
    // Asked in the middle of the second pass.
    EXPECT_EQ(runs("30 2 * * *", fold + minutes(10), 1, berlin), Instants{utc(2026, 10, 26, 1, 30)});
    EXPECT_EQ(runs("30 2 * * *", fold, 1, berlin), Instants{utc(2026, 10, 26, 1, 30)});
}

TEST(CronNext, EveryHourGoesByElapsedTime) {
    const TestZone berlin = TestZone::berlin(2020, 2030);
    const Instant gap = utc(2026, 3, 29, 1);
    const Instant fold = utc(2026, 10, 25, 1);
    for (const Instant change : {gap, fold}) {
        const Instants found = runs("*/5 * * * *", change - hours(2), 48, berlin);
        ASSERT_EQ(found.size(), 48U);
        for (int i = 0; i < 48; i++)
            EXPECT_EQ(found[static_cast<std::size_t>(i)], change - hours(2) + minutes(5 * (i + 1)));
        EXPECT_EQ(runs("30 0-23 * * *", change - hours(1), 3, berlin),
                  (Instants{change - minutes(30), change + minutes(30), change + minutes(90)}));
    }
}

TEST(CronNext, ChangesOfTwoHoursADayAndHalfAnHour) {
    // Troll station: two hours.
    const TestZone troll({}, {{utc(2026, 3, 29, 1), hours(2)}, {utc(2026, 10, 25, 1), {}}});
    EXPECT_EQ(runs("0,30 1,2 * * *", utc(2026, 3, 28, 12), 3, troll),
              (Instants{utc(2026, 3, 29, 1), utc(2026, 3, 29, 23), utc(2026, 3, 29, 23, 30)}));
    // Samoa had no 30 December 2011.
    const TestZone samoa(hours(-10), {{utc(2011, 12, 30, 10), hours(14)}});
    EXPECT_EQ(runs("0 12 * * *", utc(2011, 12, 29, 0), 3, samoa),
              (Instants{utc(2011, 12, 29, 22), utc(2011, 12, 30, 10), utc(2011, 12, 30, 22)}));
    // A day that comes twice.
    const TestZone manila(hours(8), {{utc(2011, 12, 30), hours(-16)}});
    EXPECT_EQ(runs("0 12 * * *", utc(2011, 12, 28, 6), 3, manila),
              (Instants{utc(2011, 12, 29, 4), utc(2011, 12, 31, 4) - hours(0), utc(2012, 1, 1, 4)}));
    const TestZone lord_howe(hours(11), {{utc(2026, 4, 4, 15), hours(10) + minutes(30)}});
    EXPECT_EQ(runs("45 1 * * *", utc(2026, 4, 4, 12), 2, lord_howe),
              (Instants{utc(2026, 4, 4, 14, 45), utc(2026, 4, 5, 15, 15)}));
}

TEST(CronNext, Intervals) {
    const Instant anchor = utc(2026, 5, 4, 12, 0, 7);
    EXPECT_EQ(runs("90 minutes", anchor, 2, TestZone{}, anchor),
              (Instants{anchor + minutes(90), anchor + hours(3)}));
    EXPECT_EQ(runs("90 minutes", anchor + days(1) + Micros{1}, 1, TestZone{}, anchor),
              Instants{anchor + days(1) + minutes(90)});
    EXPECT_EQ(runs("90 minutes", anchor - days(1), 2, TestZone{}, anchor),
              (Instants{anchor, anchor + minutes(90)}));
    EXPECT_EQ(runs("1 second", anchor, 1, TestZone{}, kMinusInfinity), Instants{});
    // By elapsed time, whatever the zone.
    const TestZone berlin = TestZone::berlin(2020, 2030);
    const Instant saturday = utc(2026, 3, 28, 12);
    EXPECT_EQ(runs("2 days", saturday, 1, berlin, saturday), Instants{saturday + days(2)});
}

TEST(CronNext, TheEndsOfTime) {
    const Schedule s = parsed("* * * * *");
    const TestZone zone;
    for (const Instant t : {kMinusInfinity, kPlusInfinity, Instant{kMinusInfinity.us + 1},
                            Instant{kPlusInfinity.us - 1}, kLastInstant, kFirstInstant}) {
        EXPECT_EQ(next_after(s, t, t, zone), std::nullopt) << t.us;
        EXPECT_EQ(next_after(parsed("1 second"), t, t, zone), std::nullopt) << t.us;
    }
    EXPECT_EQ(runs("0 0 1 1 *", utc(9998, 6, 1), 2), Instants{utc(9999, 1, 1)});
    EXPECT_EQ(runs("0 0 1 * *", utc(-4700, 1, 1), 1), Instants{utc(-4700, 2, 1)});
}

}  // namespace
}  // namespace foreman::core
