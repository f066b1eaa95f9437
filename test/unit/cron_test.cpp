// The grammar of schedules: what each text means, and the position and reason of every fault.
#include "core/cron.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

namespace foreman::core {
namespace {

std::uint64_t bits(std::initializer_list<int> values) {
    std::uint64_t set = 0;
    for (const int v : values) set |= std::uint64_t{1} << v;
    return set;
}
std::uint64_t every(int first, int last, int step = 1) {
    std::uint64_t set = 0;
    for (int v = first; v <= last; v += step) set |= std::uint64_t{1} << v;
    return set;
}

Schedule parsed(std::string_view text, CronDialect dialect = CronDialect::foreman) {
    Schedule s;
    const ScheduleFault f = parse_schedule(text, dialect, &s);
    EXPECT_FALSE(f.any()) << '"' << text << "\" at " << f.position << ": " << f.allowed;
    return s;
}

void refused(std::string_view text, std::size_t position, std::string_view allowed,
             CronDialect dialect = CronDialect::foreman) {
    Schedule s;
    s.every = seconds(77);
    const ScheduleFault f = parse_schedule(text, dialect, &s);
    EXPECT_TRUE(f.any()) << '"' << text << "\" was taken";
    EXPECT_EQ(f.position, position) << '"' << text << "\": " << f.allowed;
    EXPECT_NE(f.allowed.find(allowed), std::string_view::npos) << '"' << text << "\": " << f.allowed;
    EXPECT_EQ(s.every, seconds(77)) << "the schedule is set only when there is no fault";
}

TEST(CronFields, FiveFields) {
    const Schedule s = parsed("5 4 3 2 1");
    EXPECT_EQ(s.type, ScheduleType::calendar);
    EXPECT_EQ(s.seconds, bits({0}));
    EXPECT_EQ(s.minutes, bits({5}));
    EXPECT_EQ(s.hours, bits({4}));
    EXPECT_EQ(s.days, bits({3}));
    EXPECT_EQ(s.months, bits({2}));
    EXPECT_EQ(s.weekdays, bits({1}));
    EXPECT_FALSE(s.last_day);
    EXPECT_FALSE(s.days_and_weekdays);
}

TEST(CronFields, SixFieldsLeadWithSeconds) {
    const Schedule s = parsed("*/10 5 * * * *");
    EXPECT_EQ(s.seconds, every(0, 50, 10));
    EXPECT_EQ(s.minutes, bits({5}));
    EXPECT_EQ(s.hours, every(0, 23));
    EXPECT_EQ(s.days, every(1, 31));
    EXPECT_EQ(s.months, every(1, 12));
    EXPECT_EQ(s.weekdays, every(0, 6));
    EXPECT_TRUE(s.every_hour());
}

TEST(CronFields, ListsRangesAndSteps) {
    EXPECT_EQ(parsed("1,2,30-34,40-59/9 * * * *").minutes, bits({1, 2, 30, 31, 32, 33, 34, 40, 49, 58}));
    EXPECT_EQ(parsed("*/15,7 * * * *").minutes, bits({0, 7, 15, 30, 45}));
    EXPECT_EQ(parsed("7,*/15 * * * *").minutes, bits({0, 7, 15, 30, 45}));
    EXPECT_EQ(parsed("007 00 01 02 *").minutes, bits({7}));
    EXPECT_EQ(parsed("5-5 * * * *").minutes, bits({5}));
    EXPECT_EQ(parsed("0 0 1 */5 *").months, bits({1, 6, 11}));
}

TEST(CronFields, NamesOfAnyCase) {
    EXPECT_EQ(parsed("0 0 1 jan,FEB,Mar-may,oct-dec/2 *").months, bits({1, 2, 3, 4, 5, 10, 12}));
    EXPECT_EQ(parsed("0 0 * * Mon-FRI").weekdays, every(1, 5));
    EXPECT_EQ(parsed("0 0 * * sun").weekdays, bits({0}));
    EXPECT_EQ(parsed("0 0 * * sat").weekdays, bits({6}));
}

TEST(CronFields, ZeroAndSevenAreSunday) {
    EXPECT_EQ(parsed("0 0 * * 0").weekdays, bits({0}));
    EXPECT_EQ(parsed("0 0 * * 7").weekdays, bits({0}));
    EXPECT_EQ(parsed("0 0 * * 5-7").weekdays, bits({0, 5, 6}));
    EXPECT_EQ(parsed("0 0 * * 0-7").weekdays, every(0, 6));
    EXPECT_EQ(parsed("0 0 * * */7").weekdays, bits({0}));
    EXPECT_EQ(parsed("0 0 * * */2").weekdays, bits({0, 2, 4, 6}));
}

TEST(CronFields, DaysAndWeekdaysBothWhenOneBeginsWithAStar) {
    EXPECT_TRUE(parsed("0 0 * * *").days_and_weekdays);
    EXPECT_TRUE(parsed("0 0 * * 1").days_and_weekdays);
    EXPECT_TRUE(parsed("0 0 13 * *").days_and_weekdays);
    EXPECT_TRUE(parsed("0 0 */2 * 1").days_and_weekdays);
    EXPECT_TRUE(parsed("0 0 13 * */2").days_and_weekdays);
    EXPECT_FALSE(parsed("0 0 13 * 5").days_and_weekdays);
    EXPECT_FALSE(parsed("0 0 1-31 * 5").days_and_weekdays);
    EXPECT_FALSE(parsed("0 0 $ * 1").days_and_weekdays);
}

TEST(CronFields, LastDayOfTheMonth) {
    const Schedule s = parsed("0 0 $ * *");
    EXPECT_TRUE(s.last_day);
    EXPECT_EQ(s.days, 0U);
    EXPECT_TRUE(parsed("0 0 0 $ 2 *").last_day);
    refused("0 0 1,$ * *", 6, "day of the month");
    refused("0 0 $,1 * *", 5, "day of the month");
    refused("0 0 $foo * *", 5, "day of the month");
    refused("0 0 1-$ * *", 6, "day of the month");
    refused("0 0 * $ *", 6, "month");
}

TEST(CronFields, BlanksAndComments) {
    EXPECT_EQ(parsed("  1   2\t3 4 5 \n"), parsed("1 2 3 4 5"));
    EXPECT_EQ(parsed("\n\n# every morning\n  # at six\n0 6 * * *"), parsed("0 6 * * *"));
    refused("# nothing", 9, "five fields");
    refused("0 6 * * * # six", 10, "day of the week");
}

TEST(CronFields, OutOfRange) {
    refused("60 * * * *", 0, "minute");
    refused("* 24 * * *", 2, "hour");
    refused("* * 0 * *", 4, "day of the month");
    refused("* * 32 * *", 4, "day of the month");
    refused("* * * 0 *", 6, "month");
    refused("* * * 13 *", 6, "month");
    refused("* * * * 8", 8, "day of the week");
    refused("60 * * * * *", 0, "second");
    refused("-1 * * * *", 0, "numbers with units");
    refused("* -1 * * *", 2, "hour");
    refused("5-60 * * * *", 2, "minute");
    // These wrap to a number that is allowed in 32 or 64 bits.
    refused("4294967297 * * * *", 0, "minute");
    refused("18446744073709551617 * * * *", 0, "minute");
    refused("99999999999999999999999999999999999999999 * * * *", 0, "minute");
}

TEST(CronFields, Steps) {
    EXPECT_EQ(parsed("*/59 * * * *").minutes, bits({0, 59}));
    EXPECT_EQ(parsed("* */23 * * *").hours, bits({0, 23}));
    EXPECT_EQ(parsed("* * */31 * *").days, bits({1}));
    EXPECT_EQ(parsed("* * * */12 *").months, bits({1}));
    refused("*/60 * * * *", 2, "step of minutes");
    refused("* */24 * * *", 4, "step of hours");
    refused("* * */32 * *", 6, "step of days");
    refused("* * * */13 *", 8, "step of months");
    refused("* * * * */8", 10, "step of weekdays");
    refused("*/0 * * * *", 2, "step of minutes");
    refused("*/ * * * *", 2, "step of minutes");
    refused("*/-1 * * * *", 2, "step of minutes");
    refused("*/4294967297 * * * *", 2, "step of minutes");
    refused("5/2 * * * *", 1, "a step follows");
    refused("*/2/3 * * * *", 3, "ends here");
}

TEST(CronFields, TextAfterAnElement) {
    refused("*5 * * * *", 1, "ends here");
    refused("5;foo * * * *", 1, "ends here");
    refused("1~5 * * * *", 1, "ends here");
    refused("* * * * 1#2", 9, "ends here");
    refused("*-5 * * * *", 1, "ends here");
    refused("1-2-3 * * * *", 3, "ends here");
    refused("1, * * * *", 2, "minute");
    refused("1,,2 * * * *", 2, "minute");
    refused(",1 * * * *", 0, "minute");
    refused("1- * * * *", 2, "minute");
}

TEST(CronFields, OtherDialects) {
    refused("* * L * *", 4, "day of the month");
    refused("* * 15W * *", 6, "ends here");
    refused("* * W * *", 4, "day of the month");
    refused("* * ? * *", 4, "day of the month");
    refused("H * * * *", 0, "minute");
    refused("~ * * * *", 0, "minute");
    refused("0 0 1 january *", 6, "month");
    refused("0 0 1 * monday", 8, "day of the week");
    refused("0 0 1 foo *", 6, "month");
    refused("0 0 1 mon *", 6, "month");
    refused("0 0 1 * jan", 8, "day of the week");
}

TEST(CronFields, RangesDoNotRunBackwards) {
    refused("50-10 * * * *", 0, "backwards");
    refused("0 22-2 * * *", 2, "backwards");
    refused("0 0 * * fri-mon", 8, "backwards");
    refused("0 0 * * sat-sun", 8, "backwards");
    refused("0 0 * nov-feb *", 6, "backwards");
    refused("0 0 31-1 * *", 4, "backwards");
}

TEST(CronFields, DatesThatNeverCome) {
    refused("0 0 31 2 *", 4, "do not exist");
    refused("0 0 30,31 feb *", 4, "do not exist");
    refused("0 0 31 4,6,9,11 *", 4, "do not exist");
    refused("0 0 30 2 */2", 4, "do not exist");
    refused("0 0 0 31 2 *", 6, "do not exist");
    EXPECT_EQ(parsed("0 0 29 2 *").days, bits({29}));
    EXPECT_EQ(parsed("0 0 31 2,3 *").months, bits({2, 3}));
    // One of them is enough here, and there are Mondays in February.
    EXPECT_EQ(parsed("0 0 31 2 1").weekdays, bits({1}));
}

TEST(CronFields, HowManyFields) {
    refused("", 0, "five fields");
    refused("   ", 3, "five fields");
    refused("* * * *", 7, "five fields");
    refused("* * * * * * *", 12, "ends after five fields, or six");
    refused("* * * * * foo", 10, "day of the week");
    refused("* * * * * *", 10, "ends after five", CronDialect::pg_cron);
    refused("0 0 * * * drop", 10, "ends after five", CronDialect::pg_cron);
    refused("bad schedule", 0, "minute");
}

TEST(CronFields, LengthAndForeignBytes) {
    std::string text = "* * * * *";
    text.append(kMaxScheduleBytes - text.size(), ' ');
    parsed(text);
    text.push_back(' ');
    refused(text, kMaxScheduleBytes, "1000 bytes");
    refused("\xC3\xA9 * * * *", 0, "minute");
    refused("* * * * \xFF", 8, "day of the week");
    refused(std::string_view("* * * * *\0", 10), 9, "ends here");
    refused(std::string_view("\0* * * * *", 10), 0, "minute");
}

TEST(CronNames, MeanTheirFields) {
    EXPECT_EQ(parsed("@hourly"), parsed("0 * * * *"));
    EXPECT_EQ(parsed("@daily"), parsed("0 0 * * *"));
    EXPECT_EQ(parsed("@midnight"), parsed("0 0 * * *"));
    EXPECT_EQ(parsed("@weekly"), parsed("0 0 * * 0"));
    EXPECT_EQ(parsed("@monthly"), parsed("0 0 1 * *"));
    EXPECT_EQ(parsed("@yearly"), parsed("0 0 1 1 *"));
    EXPECT_EQ(parsed("@annually"), parsed("0 0 1 1 *"));
    EXPECT_EQ(parsed("@reboot").type, ScheduleType::reboot);
    EXPECT_EQ(parsed(" @restart \n").type, ScheduleType::reboot);
    EXPECT_EQ(parsed("@hourly", CronDialect::pg_cron), parsed("0 * * * *"));
}

TEST(CronNames, AreExact) {
    refused("@Hourly", 0, "@hourly");
    refused("@every 5m", 0, "@hourly");
    refused("@", 0, "@hourly");
    refused("@hourlyy", 0, "@hourly");
    refused("@hourly x", 8, "ends after");
    refused("@ hourly", 2, "numbers with units");
}

TEST(CronIntervals, NumbersWithUnits) {
    EXPECT_EQ(parsed("30 seconds").type, ScheduleType::interval);
    EXPECT_EQ(parsed("30 seconds").every, seconds(30));
    EXPECT_EQ(parsed("30seconds").every, seconds(30));
    EXPECT_EQ(parsed(" +5 SECONDS ").every, seconds(5));
    EXPECT_EQ(parsed("1 second").every, seconds(1));
    EXPECT_EQ(parsed("60 seconds").every, seconds(60));
    EXPECT_EQ(parsed("90 minutes").every, minutes(90));
    EXPECT_EQ(parsed("2 days").every, days(2));
    EXPECT_EQ(parsed("1 day 12 hours").every, hours(36));
    EXPECT_EQ(parsed("1d12h").every, hours(36));
    EXPECT_EQ(parsed("1.5 hours").every, minutes(90));
    EXPECT_EQ(parsed("0.1 minutes").every, seconds(6));
    EXPECT_EQ(parsed("2500 ms").every, milliseconds(2500));
    EXPECT_EQ(parsed("01:30").every, minutes(90));
    EXPECT_EQ(parsed("01:30:15").every, minutes(90) + seconds(15));
    EXPECT_EQ(parsed("1 day 02:00:00.5").every, hours(26) + milliseconds(500));
    EXPECT_EQ(parsed("1 week").every, days(7));
    EXPECT_EQ(parsed("3660 days").every, days(3660));
}

// What the server writes for an interval in every IntervalStyle but sql_standard.
TEST(CronIntervals, OtherStyles) {
    EXPECT_EQ(parsed("@ 1 hour 30 mins").every, minutes(90));
    EXPECT_EQ(parsed("@ 2 days").every, days(2));
    EXPECT_EQ(parsed("PT1H30M").every, minutes(90));
    EXPECT_EQ(parsed("P2D").every, days(2));
    EXPECT_EQ(parsed("P1W").every, days(7));
    EXPECT_EQ(parsed("P1DT2H3M4.5S ").every, hours(26) + minutes(3) + milliseconds(4500));
    EXPECT_EQ(parsed("PT90S").every, seconds(90));
    refused("P1M", 2, "no fixed length");
    refused("P1Y2D", 2, "no fixed length");
    refused("P", 0, "minute");
    refused("PT", 2, "P with days");
    refused("P1DT", 4, "P with days");
    refused("P1H", 2, "P with days");
    refused("PT1D", 3, "P with days");
    refused("PTT1H", 2, "P with days");
    refused("P1D x", 4, "P with days");
    refused("PT0S", 0, "1 second to 3660 days");
    refused("PT-1S", 2, "P with days");
    Schedule s;
    EXPECT_TRUE(parse_schedule("PT30S", CronDialect::pg_cron, &s).any());
    EXPECT_TRUE(parse_schedule("@ 30 seconds", CronDialect::pg_cron, &s).any());
}

TEST(CronIntervals, Refused) {
    refused("0 seconds", 0, "1 second to 3660 days");
    refused("999 ms", 0, "1 second to 3660 days");
    refused("3661 days", 0, "1 second to 3660 days");
    refused("999999999999999999999999 weeks", 0, "1 second to 3660 days");
    refused("-1 seconds", 0, "numbers with units");
    refused("1 secondx", 2, "a unit is");
    refused("1 fortnight", 2, "a unit is");
    refused("5foo * * * *", 1, "a unit is");
    refused("1 month", 2, "no fixed length");
    refused("1 day 2 years", 8, "no fixed length");
    refused("5 minutes ago", 10, "numbers with units");
    refused("1. hours", 2, "numbers with units");
    refused("01:60", 3, "hh:mm");
    refused("01:3", 3, "hh:mm");
    refused("01:30:00:00", 8, "hh:mm");
    refused("+", 1, "numbers with units");
}

TEST(CronIntervals, OfPgCron) {
    EXPECT_EQ(parsed("59 seconds", CronDialect::pg_cron).every, seconds(59));
    EXPECT_EQ(parsed(" +5 Second ", CronDialect::pg_cron).every, seconds(5));
    EXPECT_EQ(parsed("30seconds", CronDialect::pg_cron).every, seconds(30));
    for (const char* text : {"60 seconds", "0 seconds", "1 secondx", "30 sec", "5 minutes", "+ seconds",
                             "4294967297 seconds", "1.5 seconds", "00:00:05", "1 second 2 seconds"}) {
        Schedule s;
        EXPECT_TRUE(parse_schedule(text, CronDialect::pg_cron, &s).any()) << text;
    }
}

}  // namespace
}  // namespace foreman::core
