// Chunks and groups under a virtual clock: a job's cost moves the clock, nothing sleeps.
#include "core/group_pace.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace foreman::core {
namespace {

struct Group {
    std::vector<int> chunks;
    int jobs = 0;
    int subxids = 0;
    Micros took;
};

// An executor whose jobs cost what `cost` says, in a queue that never runs dry.
class Executor {
  public:
    template <class Cost>
    Group run_group(int max_group, int subxids_per_job, Cost cost) {
        Group g;
        const Instant start = now_;
        pace_.begin_group(now_, max_group);
        for (int chunk = pace_.next_chunk(now_); chunk > 0; chunk = pace_.next_chunk(now_)) {
            const Instant chunk_start = now_;
            for (int i = 0; i < chunk; i++) now_ = now_ + cost();
            g.chunks.push_back(chunk);
            g.jobs += chunk;
            g.subxids += chunk * subxids_per_job;
            pace_.chunk_done(chunk, now_ - chunk_start, g.subxids, now_);
        }
        g.took = now_ - start;
        return g;
    }
    Group run_group(int max_group, int subxids_per_job, Micros cost) {
        return run_group(max_group, subxids_per_job, [cost] { return cost; });
    }
    GroupPace& pace() { return pace_; }

  private:
    GroupPace pace_;
    Instant now_{1'000'000};
};

using Chunks = std::vector<int>;

TEST(GroupPace, AColdExecutorStartsWithOneAndDoubles) {
    Executor e;
    EXPECT_EQ(e.run_group(200, 0, Micros{10}).chunks, (Chunks{1, 2, 4, 8, 16, 32, 60, 60, 17}));
}

TEST(GroupPace, AWarmExecutorStartsWithWhatItsPaceFits) {
    Executor e;
    e.run_group(200, 0, Micros{10});
    EXPECT_EQ(e.run_group(200, 0, Micros{10}).chunks, (Chunks{60, 60, 60, 20}));
    Executor slower;
    slower.run_group(200, 0, Micros{500});
    EXPECT_EQ(slower.run_group(200, 0, Micros{500}).chunks, (Chunks{10, 10, 10, 10}));
}

TEST(GroupPace, DoublingStopsAtWhatFits5Milliseconds) {
    Executor e;
    EXPECT_EQ(e.run_group(200, 0, Micros{1'000}).chunks, (Chunks{1, 2, 4, 5, 5, 3}));
}

TEST(GroupPace, ASlowJobIsItsOwnChunkAndEndsTheGroup) {
    Executor e;
    EXPECT_EQ(e.run_group(200, 0, milliseconds(6)).chunks, (Chunks{1, 1, 1, 1}));
    EXPECT_EQ(e.run_group(200, 0, seconds(60)).chunks, (Chunks{1}));
    EXPECT_EQ(e.run_group(200, 0, seconds(60)).chunks, (Chunks{1}));
}

TEST(GroupPace, MaxGroupOneMakesEveryJobAlone) {
    Executor e;
    for (int i = 0; i < 5; i++) EXPECT_EQ(e.run_group(1, 0, Micros{1}).chunks, (Chunks{1}));
}

TEST(GroupPace, MaxGroupBoundsTheGroup) {
    Executor e;
    e.run_group(200, 0, Micros{1});
    EXPECT_EQ(e.run_group(120, 0, Micros{1}).chunks, (Chunks{60, 60}));
    EXPECT_EQ(e.run_group(10'000, 0, Micros{1}).jobs, kMaxGroupJobs);
    EXPECT_EQ(e.run_group(0, 0, Micros{1}).jobs, 1);
    EXPECT_EQ(e.run_group(-5, 0, Micros{1}).jobs, 1);
}

TEST(GroupPace, WritingJobsEndTheGroupAt60SubtransactionIds) {
    Executor e;
    for (int i = 0; i < 3; i++) EXPECT_EQ(e.run_group(200, 1, Micros{10}).subxids, kMaxGroupSubxids);
}

TEST(GroupPace, JobsThatTakeSeveralIdsEachAreForeseen) {
    // The first chunk is a guess of one each; a cold one is small, so it cannot overshoot.
    for (const int each : {2, 3, 7, 20, 60}) {
        Executor cold;
        EXPECT_LE(cold.run_group(200, each, Micros{10}).subxids, kMaxGroupSubxids) << each;
    }
}

TEST(GroupPace, OneOddJobDoesNotRuinThePaceAndAFullChunkReplacesIt) {
    Executor e;
    e.run_group(200, 0, Micros{10});
    GroupPace& p = e.pace();
    const std::int64_t warm = p.nanos_per_job();
    EXPECT_NEAR(static_cast<double>(warm), 10'000, 1'000);
    p.chunk_done(1, Micros{1'000}, 0, {});
    EXPECT_LT(p.nanos_per_job(), 260'000);
    p.chunk_done(50, Micros{500}, 0, {});
    EXPECT_LT(p.nanos_per_job(), 30'000);
}

TEST(GroupPace, AfterASlowSpellTheChunkDoublesAgain) {
    GroupPace p;
    p.begin_group(Instant{0}, 200);
    for (const int jobs : {1, 2, 4})
        p.chunk_done(jobs, milliseconds(jobs), 0, Instant{0} + milliseconds(jobs));
    EXPECT_EQ(p.next_chunk(Instant{0} + milliseconds(7)), 5);
    p.chunk_done(5, Micros{}, 0, Instant{0} + milliseconds(7));
    EXPECT_EQ(p.next_chunk(Instant{0} + milliseconds(7)), 10);  // its pace fits 13
}

TEST(GroupPace, AGroupThatHasNoJobYetGoesOnWhateverTheClockSays) {
    GroupPace p;
    p.begin_group(Instant{0}, 200);
    EXPECT_EQ(p.next_chunk(Instant{0} + seconds(5)), 1);
    p.chunk_done(0, Micros{}, 0, Instant{0} + seconds(5));
    EXPECT_EQ(p.next_chunk(Instant{0} + seconds(5)), 1);
    p.chunk_done(1, Micros{10}, 60, Instant{0} + seconds(5));
    EXPECT_EQ(p.next_chunk(Instant{0} + seconds(5)), 0);
}

TEST(GroupPace, AClockThatStepsBackDoesNotProlongTheGroup) {
    GroupPace p;
    p.begin_group(Instant{0} + hours(1), 200);
    p.chunk_done(1, Micros{10}, 0, Instant{0} + hours(1) + milliseconds(21));
    EXPECT_EQ(p.next_chunk(Instant{0}), 0);
}

TEST(GroupPace, AnEndedGroupStaysEnded) {
    GroupPace p;
    p.begin_group(Instant{0}, 2);
    p.chunk_done(2, Micros{10}, 0, Instant{10});
    EXPECT_EQ(p.next_chunk(Instant{10}), 0);
    EXPECT_EQ(p.next_chunk(Instant{11}), 0);
    p.begin_group(Instant{12}, 2);
    EXPECT_GT(p.next_chunk(Instant{12}), 0);
}

TEST(GroupPace, AbsurdDurationsDoNotOverflow) {
    GroupPace p;
    p.begin_group(kMinusInfinity, 200);
    p.chunk_done(1, Micros{std::numeric_limits<std::int64_t>::max()}, 0, kPlusInfinity);
    p.chunk_done(1, Micros{std::numeric_limits<std::int64_t>::max()}, 0, kPlusInfinity);
    p.begin_group(Instant{0}, 200);
    EXPECT_EQ(p.next_chunk(Instant{0}), 1);
    GroupPace fresh;
    fresh.begin_group(Instant{0}, 200);
    fresh.chunk_done(1, Micros{-5}, 0, Instant{0});
    EXPECT_EQ(fresh.nanos_per_job(), 0);
}

// Steady costs: a warm group keeps to its time within one job, and uses it when jobs are there.
TEST(GroupPace, SteadyJobsFillTheGroupsTimeAndNoMore) {
    for (const std::int64_t us : {1, 7, 50, 99, 100, 333, 1'000, 2'500, 4'999, 5'000, 7'000, 19'999}) {
        Executor e;
        for (int i = 0; i < 5; i++) {
            const Group g = e.run_group(200, 0, Micros{us});
            ASSERT_LE(g.took, kGroupTarget + Micros{us}) << us;
            if (us * 200 > kGroupTarget.us) {
                ASSERT_GE(g.took, kGroupTarget - Micros{us}) << us;
            }
            for (const int chunk : g.chunks) {
                if (i > 0) {
                    ASSERT_LE(chunk * us, std::max<std::int64_t>(kChunkTarget.us, us)) << us;
                }
            }
        }
    }
}

TEST(GroupPace, AnyCostsKeepTheLimits) {
    std::mt19937 random(5);
    Executor e;
    for (int round = 0; round < 3'000; round++) {
        const int max_group = static_cast<int>(random() % 260);
        const int subxids = static_cast<int>(random() % 2);
        const std::int64_t magnitude = std::int64_t{1} << (random() % 18);
        const Group g = e.run_group(max_group, subxids,
                                    [&] { return Micros{static_cast<std::int64_t>(random()) % magnitude}; });
        ASSERT_GE(g.jobs, 1);
        ASSERT_LE(g.jobs, std::clamp(max_group, 1, kMaxGroupJobs));
        ASSERT_LE(g.subxids, kMaxGroupSubxids);
        ASSERT_LE(*std::ranges::max_element(g.chunks), kMaxChunk);
    }
}

}  // namespace
}  // namespace foreman::core
