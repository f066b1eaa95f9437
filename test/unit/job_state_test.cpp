// What becomes of a job after an attempt, for every outcome, with and without a cancel; and the names of
// states.
#include "core/job_state.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <string>

namespace foreman::core {
namespace {

constexpr BackoffPolicy kPolicy{seconds(1), minutes(5), 0};

Verdict after(Outcome outcome, bool cancel, JobCounters counters = {1, 5}, Micros run_in = {}) {
    return decide(counters, {outcome, run_in, cancel}, kPolicy, 0);
}

void expect(const Verdict& v, Next next, int attempt, Micros delay, bool record_error) {
    EXPECT_EQ(static_cast<char>(v.next), static_cast<char>(next));
    EXPECT_EQ(v.attempt, attempt);
    EXPECT_EQ(v.delay, delay);
    EXPECT_EQ(v.record_error, record_error);
}

TEST(Decide, CompletedStaysCompletedWhenACancelCameLate) {
    expect(after(Outcome::completed, false), Next::complete, 2, {}, false);
    expect(after(Outcome::completed, true), Next::complete, 2, {}, false);
}

TEST(Decide, AFailureIsRetriedWithBackoffUntilAttemptsAreUsedUp) {
    expect(after(Outcome::failed, false, {0, 5}), Next::retry, 1, seconds(1), true);
    expect(after(Outcome::failed, false, {1, 5}), Next::retry, 2, seconds(2), true);
    expect(after(Outcome::failed, false, {3, 5}), Next::retry, 4, seconds(8), true);
    expect(after(Outcome::failed, false, {4, 5}), Next::discard, 5, {}, true);
    expect(after(Outcome::failed, false, {0, 1}), Next::discard, 1, {}, true);
    // max_attempts was lowered while it ran
    expect(after(Outcome::failed, false, {7, 5}), Next::discard, 8, {}, true);
}

TEST(Decide, AFailureOfAJobThatShouldStopIsACancel) {
    expect(after(Outcome::failed, true, {0, 5}), Next::cancel, 1, {}, true);
    expect(after(Outcome::failed, true, {4, 5}), Next::cancel, 5, {}, true);
}

TEST(Decide, SnoozeAndThrottleChargeNothing) {
    for (const Outcome o : {Outcome::snoozed, Outcome::throttled}) {
        expect(after(o, false, {4, 5}, minutes(3)), Next::retry, 4, minutes(3), false);
        expect(after(o, false, {0, 1}, seconds(-5)), Next::retry, 0, kLeastPause, false);
        expect(after(o, true, {4, 5}, minutes(3)), Next::cancel, 4, {}, false);
    }
}

TEST(Decide, WhoFindsItsThingHeldComesBackAsSoonAsItAsks) {
    expect(after(Outcome::busy, false, {4, 5}, milliseconds(5)), Next::retry, 4, milliseconds(5), false);
    expect(after(Outcome::busy, true, {4, 5}, milliseconds(5)), Next::cancel, 4, {}, false);
}

TEST(Decide, ARefusalDiscardsWhateverAttemptsAreLeft) {
    expect(after(Outcome::discarded, false, {0, 5}), Next::discard, 1, {}, true);
    expect(after(Outcome::discarded, true, {0, 5}), Next::cancel, 1, {}, true);
}

TEST(Decide, CancelledAndExpired) {
    for (const bool cancel : {false, true}) {
        expect(after(Outcome::cancelled, cancel, {1, 5}), Next::cancel, 2, {}, false);
        expect(after(Outcome::expired, cancel, {1, 5}), Next::cancel, 1, {}, false);
    }
}

TEST(Decide, WhatCameToNoEndOfItsOwnGoesBackAsItWas) {
    for (const Outcome o : {Outcome::try_alone, Outcome::released, Outcome::stopped, Outcome::broken_off}) {
        EXPECT_FALSE(is_own_end(o));
        expect(after(o, false, {4, 5}, minutes(3)), Next::release, 4, {}, false);
        expect(after(o, true, {4, 5}), Next::cancel, 5, {}, false);
    }
    EXPECT_TRUE(is_own_end(Outcome::completed));
    EXPECT_TRUE(is_own_end(Outcome::failed));
    EXPECT_TRUE(is_own_end(Outcome::expired));
}

TEST(Decide, AJobThatAlwaysFailsRunsExactlyMaxAttemptsTimes) {
    for (const int max_attempts : {1, 2, 5, 1000}) {
        JobCounters counters{0, max_attempts};
        int runs = 0;
        Verdict v{};
        do {
            v = decide(counters, {Outcome::failed, {}, false}, kPolicy, 0);
            counters.attempt = v.attempt;
            runs++;
        } while (v.next == Next::retry && runs < 2000);
        EXPECT_EQ(runs, max_attempts);
        EXPECT_EQ(v.next, Next::discard);
    }
}

TEST(Decide, CountersCannotOverflow) {
    const int most = std::numeric_limits<int>::max();
    EXPECT_EQ(after(Outcome::failed, false, {most, most}).attempt, most);
}

// Everything that could be handed in: one attempt at most is charged, only a retry waits, only ends are
// final.
TEST(Decide, EveryVerdictIsWellFormed) {
    for (const char c : {'c', 'f', 'z', 't', 'd', 'x', 'e', '?', '\0'}) {
        for (const bool cancel : {false, true}) {
            for (int attempt = 0; attempt < 6; attempt++) {
                const Verdict v = after(static_cast<Outcome>(c), cancel, {attempt, 5}, seconds(9));
                ASSERT_TRUE(v.attempt == attempt || v.attempt == attempt + 1) << c;
                ASSERT_GE(v.delay, Micros{}) << c;
                ASSERT_TRUE(v.next == Next::retry || v.delay == Micros{}) << c;
                ASSERT_TRUE(v.next != Next::complete || c == 'c') << c;
                // What is no outcome leaves the job as it was; its cancel is taken up by the next run.
                const bool known = c != '?' && c != '\0';
                ASSERT_TRUE(!cancel || c == 'c' || !known || v.next == Next::cancel) << c;
                ASSERT_TRUE(!v.record_error || v.attempt == attempt + 1)
                    << "an uncharged attempt is no error";
            }
        }
    }
}

TEST(StateName, OfEveryStoredState) {
    EXPECT_EQ(state_name(StoredState::claimable, false, true), "available");
    EXPECT_EQ(state_name(StoredState::claimable, false, false), "scheduled");
    EXPECT_EQ(state_name(StoredState::claimable, true, true), "retryable");
    EXPECT_EQ(state_name(StoredState::claimable, true, false), "retryable");
    EXPECT_EQ(state_name(StoredState::running, true, true), "running");
    EXPECT_EQ(state_name(StoredState::blocked, false, true), "pending");
    EXPECT_EQ(state_name(StoredState::suspended, false, false), "suspended");
    EXPECT_EQ(state_name(StoredState::completed, true, true), "completed");
    EXPECT_EQ(state_name(StoredState::cancelled, false, true), "cancelled");
    EXPECT_EQ(state_name(StoredState::discarded, true, true), "discarded");
    EXPECT_EQ(state_name(static_cast<StoredState>('?'), true, true), "");
}

TEST(StateName, ThereAreNine) {
    std::set<std::string_view> names;
    for (const char c : {'w', 'r', 'b', 's', 'c', 'x', 'd'}) {
        for (const bool failed : {false, true}) {
            for (const bool due : {false, true})
                names.insert(state_name(static_cast<StoredState>(c), failed, due));
        }
    }
    EXPECT_EQ(names.size(), 9U);
    EXPECT_FALSE(names.contains(""));
}

TEST(StateName, TerminalStates) {
    EXPECT_TRUE(is_terminal(StoredState::completed));
    EXPECT_TRUE(is_terminal(StoredState::cancelled));
    EXPECT_TRUE(is_terminal(StoredState::discarded));
    for (const char c : {'w', 'r', 'b', 's'}) EXPECT_FALSE(is_terminal(static_cast<StoredState>(c))) << c;
}

}  // namespace
}  // namespace foreman::core
