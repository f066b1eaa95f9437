// What a schedule does when it is due: the three policies for missed occurrences, the latest of many, and the
// clock that is set back.
#include "core/fire_plan.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "cron_zones.hpp"

namespace foreman::core {
namespace {

Schedule parsed(std::string_view text) {
    Schedule s;
    EXPECT_FALSE(parse_schedule(text, CronDialect::foreman, &s).any()) << text;
    return s;
}

const TestZone kUtc{};
const Instant kNoon = utc(2026, 5, 4, 12);

FirePlan plan(std::string_view text, Missed missed, Instant due, Instant now, int caught_up = 0) {
    return plan_fire(parsed(text), missed, due, now, due, caught_up, kUtc);
}

TEST(FirePlan, OnTimeAllPoliciesAgree) {
    for (const Missed m : {Missed::skip, Missed::coalesce, Missed::catch_up}) {
        const FirePlan p = plan("*/5 * * * *", m, kNoon, kNoon + milliseconds(20));
        EXPECT_EQ(p.occurrence, kNoon);
        EXPECT_EQ(p.next, kNoon + minutes(5));
        EXPECT_EQ(p.caught_up, 0);
    }
}

TEST(FirePlan, SkipRunsForTheLastOneOnlyWhenItIsFresh) {
    FirePlan p = plan("*/5 * * * *", Missed::skip, kNoon, kNoon + minutes(23));
    EXPECT_EQ(p.occurrence, std::nullopt);
    EXPECT_EQ(p.next, kNoon + minutes(25));
    p = plan("*/5 * * * *", Missed::skip, kNoon, kNoon + minutes(20) + seconds(30));
    EXPECT_EQ(p.occurrence, kNoon + minutes(20));
    EXPECT_EQ(p.next, kNoon + minutes(25));
    p = plan("1 second", Missed::skip, kNoon, kNoon + hours(5));
    EXPECT_EQ(p.occurrence, kNoon + hours(5));
    EXPECT_EQ(p.next, kNoon + hours(5) + seconds(1));
}

TEST(FirePlan, CoalesceRunsOnceForAll) {
    const FirePlan p = plan("*/5 * * * *", Missed::coalesce, kNoon, kNoon + days(400) + minutes(3));
    EXPECT_EQ(p.occurrence, kNoon + days(400));
    EXPECT_EQ(p.next, kNoon + days(400) + minutes(5));
}

TEST(FirePlan, CatchUpRunsForEachUpToABound) {
    Instant due = kNoon;
    const Instant now = kNoon + minutes(1000);
    int caught_up = 0;
    int runs = 0;
    do {
        const FirePlan p = plan("* * * * *", Missed::catch_up, due, now, caught_up);
        ASSERT_TRUE(p.occurrence && p.next);
        if (runs < kMaxCatchUp) {
            EXPECT_EQ(*p.occurrence, kNoon + minutes(runs));
        } else {
            EXPECT_EQ(*p.occurrence, now);  // one stands for the rest
        }
        due = *p.next;
        caught_up = p.caught_up;
        runs++;
    } while (due <= now);
    EXPECT_EQ(runs, kMaxCatchUp + 1);
    EXPECT_EQ(due, now + minutes(1));
    EXPECT_EQ(caught_up, 0);
}

TEST(FirePlan, TheLastOfAScheduleHasNoNext) {
    const FirePlan p = plan("0 0 1 1 *", Missed::coalesce, utc(9999, 1, 1), utc(9999, 1, 1, 1));
    EXPECT_EQ(p.occurrence, utc(9999, 1, 1));
    EXPECT_EQ(p.next, std::nullopt);
}

TEST(LatestUntil, IsTheOneBeforeTheNext) {
    std::mt19937 random(5);
    const TestZone berlin = TestZone::berlin(2020, 2030);
    for (const char* text : {"* * * * * *", "*/7 * * * *", "30 2 * * *", "0 9-17 * * mon-fri", "0 0 29 2 *",
                             "* * * 1 *", "0 0 13 * 5", "90 minutes", "1 second", "0 0 $ * *"}) {
        const Schedule s = parsed(text);
        for (int i = 0; i < 200; i++) {
            const Instant start = utc(2021, 1, 1) + seconds(static_cast<int>(random() % 100'000'000));
            const auto first = next_after(s, start, start, berlin);
            ASSERT_TRUE(first.has_value());
            const Instant now =
                *first + seconds(static_cast<int>(random() % (i % 2 == 0 ? 100'000 : 200'000'000)));
            const Instant latest = latest_until(s, *first, now, start, berlin);
            EXPECT_GE(latest, *first) << text;
            EXPECT_LE(latest, now) << text;
            EXPECT_EQ(next_after(s, latest - Micros{1}, start, berlin), latest) << text;
            const auto next = next_after(s, latest, start, berlin);
            EXPECT_TRUE(!next || *next > now) << text;
        }
    }
}

TEST(StartOver, OnlyWhenTheClockWentBackFar) {
    const Instant next = kNoon + minutes(1);
    EXPECT_FALSE(must_start_over(kNoon, kNoon, next, kNoon + seconds(5)));
    EXPECT_FALSE(must_start_over(kNoon, kNoon, next, kNoon - seconds(59)));
    EXPECT_TRUE(must_start_over(kNoon, kNoon, next, kNoon - seconds(61)));
    EXPECT_TRUE(must_start_over(kNoon, kNoon, next, kNoon - minutes(20)));
    // One that has never fired counts from when it was made.
    EXPECT_TRUE(must_start_over(kNoon + seconds(40), kNoon + seconds(40), next, kNoon - hours(1)));
    EXPECT_FALSE(must_start_over(kNoon, kNoon, kNoon + hours(12), kNoon - hours(1)));
    // A daily one has fired already on the day that comes again.
    EXPECT_FALSE(must_start_over(kNoon, kNoon, kNoon + days(1), kNoon - hours(20)));
    EXPECT_TRUE(must_start_over(kNoon, kNoon, kNoon + days(1), kNoon - days(3650)));
}

TEST(Anchor, IsOnTheSecond) {
    EXPECT_EQ(anchor_of(kNoon + milliseconds(999)), kNoon);
    EXPECT_EQ(anchor_of(kNoon), kNoon);
    EXPECT_EQ(anchor_of(Instant{-1}), Instant{-1'000'000});
    EXPECT_EQ(anchor_of(kPlusInfinity), kPlusInfinity);
}

}  // namespace
}  // namespace foreman::core
