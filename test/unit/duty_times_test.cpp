// When a duty of the dispatcher is asked, and how long the dispatcher may sleep: instants of two clocks, which
// the test sets.
#include "core/duty_times.hpp"

#include <gtest/gtest.h>

namespace foreman::core {
namespace {

constexpr Micros kRetry = seconds(30);
constexpr Instant kNow{5'000'000'000};     // by the clock
constexpr Instant kSteady{1'000'000'000};  // by the steady one
constexpr Instant kNever = kPlusInfinity;

bool due_at(const DutyTimes& times, Instant steady) { return times.is_due(kNever, kNow, steady); }

SleepBounds bounds_of(const DutyTimes& times, Instant due) {
    SleepBounds bounds;
    times.bound(due, kNow, &bounds);
    return bounds;
}

DutyTimes after(Again again, Micros period = {}) {
    DutyTimes times;
    times.answered(again, period, kRetry, kSteady);
    return times;
}

TEST(DutyTimes, IsAskedAtTheFirstTurnOnlyWhereItSaysSo) {
    EXPECT_TRUE(due_at(DutyTimes(true), kSteady));
    EXPECT_FALSE(due_at(DutyTimes(), kSteady));
    EXPECT_EQ(bounds_of(DutyTimes(), kNever).pause, kPlusInfinity);
}

TEST(DutyTimes, IsAskedAgainAfterItsPeriod) {
    const DutyTimes times = after(kDone, minutes(5));
    EXPECT_FALSE(due_at(times, kSteady + minutes(5) - Micros{1}));
    EXPECT_TRUE(due_at(times, kSteady + minutes(5)));
    EXPECT_EQ(bounds_of(times, kNever).pause, kSteady + minutes(5));
    EXPECT_FALSE(due_at(after(kDone), kSteady + days(1000)));
}

TEST(DutyTimes, ThatHasMoreToDoIsAskedAtTheNextTurnWithoutASleep) {
    const DutyTimes times = after(kMore, minutes(5));
    EXPECT_TRUE(due_at(times, kSteady));
    EXPECT_LE(bounds_of(times, kNever).pause, kSteady);
}

TEST(DutyTimes, IsAskedAtItsInstantAndTheSleepEndsThen) {
    const DutyTimes times = after(kDone, minutes(5));
    EXPECT_FALSE(times.is_due(kNow + Micros{1}, kNow, kSteady));
    EXPECT_TRUE(times.is_due(kNow, kNow, kSteady));
    EXPECT_EQ(bounds_of(times, kNow + seconds(3)).wake, kNow + seconds(3));
    // It came since the last turn.
    EXPECT_LE(bounds_of(times, kNow).pause, kSteady);
}

TEST(DutyTimes, ThatFailedIsNotAskedBeforeItsPauseIsOverThoughItsInstantHasCome) {
    const DutyTimes times = after(kLater, minutes(5));
    EXPECT_FALSE(times.is_due(kMinusInfinity, kNow, kSteady + kRetry - Micros{1}));
    EXPECT_TRUE(times.is_due(kNever, kNow, kSteady + kRetry));
    EXPECT_EQ(bounds_of(times, kMinusInfinity).pause, kSteady + kRetry);
    EXPECT_EQ(bounds_of(times, kMinusInfinity).wake, kPlusInfinity);
}

TEST(DutyTimes, ThatRestsWaitsForItsInstantAndForTheEndOfItsRest) {
    const DutyTimes times = after(rest_until(kSteady + seconds(2)));
    EXPECT_FALSE(due_at(times, kSteady + days(1)));
    EXPECT_FALSE(times.is_due(kNow, kNow, kSteady + seconds(1)));
    EXPECT_TRUE(times.is_due(kNow, kNow, kSteady + seconds(2)));
    EXPECT_EQ(bounds_of(times, kNow).pause, kSteady + seconds(2));
    EXPECT_EQ(bounds_of(times, kNow + seconds(9)).wake, kNow + seconds(9));
    EXPECT_EQ(bounds_of(times, kNow + seconds(9)).pause, kPlusInfinity);
}

TEST(DutyTimes, IsAskedAtTheInstantThatItNamedOrAtItsOwnWhicheverComesFirst) {
    const DutyTimes times = after(again_at(kSteady + seconds(4)));
    EXPECT_FALSE(due_at(times, kSteady + seconds(3)));
    EXPECT_TRUE(due_at(times, kSteady + seconds(4)));
    EXPECT_TRUE(times.is_due(kNow, kNow, kSteady));
}

TEST(DutyTimes, TheSleepEndsForTheFirstOfAll) {
    SleepBounds bounds;
    after(again_at(kSteady + seconds(4))).bound(kNow + seconds(8), kNow, &bounds);
    after(again_at(kSteady + seconds(2))).bound(kNow + seconds(9), kNow, &bounds);
    after(kDone).bound(kNever, kNow, &bounds);
    EXPECT_EQ(bounds.pause, kSteady + seconds(2));
    EXPECT_EQ(bounds.wake, kNow + seconds(8));
}

}  // namespace
}  // namespace foreman::core
