// Who makes room for whom, and that nobody starves: single decisions, then a cluster simulated under a
// virtual clock.
#include "core/rotation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <utility>
#include <vector>

namespace foreman::core {
namespace {

constexpr Instant kNow{0};

Instant ago(Micros d) { return kNow - d; }
Holder idle(std::uint32_t db, std::uint32_t role, Micros idle_for) {
    return {db, role, true, ago(idle_for), ago(seconds(60))};
}
Holder busy(std::uint32_t db, std::uint32_t role, Micros tenure) {
    return {db, role, false, {}, ago(tenure)};
}
Demand demand(std::uint32_t db, std::uint32_t role, Micros waits) { return {db, role, ago(waits)}; }

using Holders = std::vector<Holder>;
using Demands = std::vector<Demand>;

TEST(NextDemand, IsTheOldestThatNobodyServes) {
    const Holders holders{busy(1, 10, seconds(1))};
    EXPECT_EQ(next_demand(holders, Demands{}), kNobody);
    EXPECT_EQ(next_demand(holders, Demands{demand(1, 10, seconds(9))}), kNobody);
    EXPECT_EQ(next_demand(holders, Demands{demand(1, 10, seconds(9)), demand(1, 11, seconds(1)),
                                           demand(1, 12, seconds(2))}),
              2);
    // The same role in another database is another session.
    EXPECT_EQ(next_demand(holders, Demands{demand(2, 10, seconds(1))}), 0);
}

TEST(ChooseLeaver, NobodyWithoutAnUnmetDemand) {
    const Holders holders{idle(1, 10, hours(1)), busy(1, 11, hours(1))};
    EXPECT_EQ(choose_leaver(holders, Demands{}, 0, kNow), kNobody);
    EXPECT_EQ(choose_leaver(holders, Demands{demand(1, 11, hours(1))}, 0, kNow), kNobody);
    EXPECT_EQ(choose_leaver(Holders{}, Demands{demand(1, 11, hours(1))}, 0, kNow), kNobody);
}

TEST(ChooseLeaver, TheLongestIdleFirst) {
    const Holders holders{busy(1, 10, hours(1)), idle(1, 11, seconds(1)), idle(1, 12, seconds(3)),
                          idle(2, 13, seconds(2))};
    EXPECT_EQ(choose_leaver(holders, Demands{demand(9, 9, Micros{})}, 0, kNow), 2);
}

TEST(ChooseLeaver, AnIdleOneLeavesWhateverItsTenure) {
    const Holders holders{busy(1, 10, hours(1)), Holder{1, 11, true, kNow, kNow}};
    EXPECT_EQ(choose_leaver(holders, Demands{demand(9, 9, Micros{})}, 0, kNow), 1);
}

TEST(ChooseIdleLeaver, OneThatIsIdleSinceATimeYetToCome) {
    const Demands none;
    EXPECT_EQ(choose_idle_leaver(Holders{idle(1, 11, milliseconds(10))}, none, 0, 1, 10, kNow), kNobody);
    EXPECT_EQ(choose_idle_leaver(Holders{idle(1, 11, Micros{} - hours(1))}, none, 0, 1, 10, kNow), 0);
}

TEST(ChooseIdleLeaver, TheLongestIdleOfOthers) {
    const Holders holders{busy(1, 10, hours(1)), idle(1, 10, hours(2)), idle(1, 11, seconds(2)),
                          idle(2, 10, seconds(3))};
    EXPECT_EQ(choose_idle_leaver(holders, Demands{}, 0, 1, 10, kNow), 3);
    EXPECT_EQ(choose_idle_leaver(holders, Demands{}, 0, 2, 10, kNow), 1);
}

TEST(ChooseIdleLeaver, NobodyWhoWorkedJustNow) {
    const Holders holders{busy(1, 10, hours(1)), idle(1, 11, milliseconds(999)), busy(1, 12, hours(1))};
    EXPECT_EQ(choose_idle_leaver(holders, Demands{}, 0, 1, 10, kNow), kNobody);
    EXPECT_EQ(choose_idle_leaver(holders, Demands{}, 0, 1, 10, kNow + milliseconds(1)), 1);
}

TEST(ChooseIdleLeaver, NobodyWhileSlotsAreVacatedOrWanted) {
    const Holders holders{busy(1, 10, hours(1)), idle(1, 11, seconds(2))};
    EXPECT_EQ(choose_idle_leaver(holders, Demands{}, 1, 1, 10, kNow), kNobody);
    EXPECT_EQ(choose_idle_leaver(holders, Demands{demand(3, 30, Micros{})}, 0, 1, 10, kNow), kNobody);
    EXPECT_EQ(choose_idle_leaver(holders, Demands{demand(1, 10, Micros{})}, 0, 1, 10, kNow), 1);
}

TEST(ChooseLeaver, ABusyOneOnlyAfterItsTenure) {
    Holders holders{busy(1, 10, milliseconds(499)), busy(1, 11, milliseconds(100))};
    const Demands demands{demand(9, 9, hours(1))};
    EXPECT_EQ(choose_leaver(holders, demands, 0, kNow), kNobody);
    holders[0].tenure_since = ago(kMinTenure);
    EXPECT_EQ(choose_leaver(holders, demands, 0, kNow), 0);
}

TEST(ChooseLeaver, TheLongestTenureAmongBusyOnes) {
    const Holders holders{busy(1, 10, seconds(2)), busy(1, 11, seconds(3)), busy(2, 10, seconds(1))};
    EXPECT_EQ(choose_leaver(holders, Demands{demand(9, 9, Micros{})}, 0, kNow), 1);
}

TEST(ChooseLeaver, ARoleThatHasSeveralGivesBeforeOneThatHasOne) {
    const Holders holders{busy(1, 11, seconds(9)), busy(1, 10, seconds(2)), busy(1, 10, seconds(3))};
    EXPECT_EQ(choose_leaver(holders, Demands{demand(9, 9, Micros{})}, 0, kNow), 2);
    // Its colleague in another database is no colleague.
    const Holders apart{busy(1, 11, seconds(9)), busy(1, 10, seconds(2)), busy(2, 10, seconds(3))};
    EXPECT_EQ(choose_leaver(apart, Demands{demand(9, 9, Micros{})}, 0, kNow), 0);
}

TEST(ChooseLeaver, NeverMoreLeaversThanDemands) {
    const Holders holders{idle(1, 10, seconds(1)), idle(1, 11, seconds(1))};
    const Demands demands{demand(9, 8, Micros{}), demand(9, 9, Micros{}), demand(1, 10, Micros{})};
    EXPECT_NE(choose_leaver(holders, demands, 1, kNow), kNobody);
    EXPECT_EQ(choose_leaver(holders, demands, 2, kNow), kNobody);
    EXPECT_EQ(choose_leaver(holders, demands, 3, kNow), kNobody);
}

// A cluster of executor slots in steps of one millisecond. A session is a (database, role).
class Cluster {
  public:
    using Session = std::pair<std::uint32_t, std::uint32_t>;
    static constexpr std::size_t kSlots = 4;
    static constexpr Micros kStep = milliseconds(1);

    // has_work tells whether a session has due work now. An executor in a long job cannot leave for
    // job_length.
    template <class HasWork>
    void step(const std::vector<Session>& sessions, Micros job_length, HasWork has_work) {
        now_ = now_ + kStep;
        leave(job_length);
        for (const Session& s : sessions) {
            const bool has = has_work(s);
            note_work(s, has);
            if (has) served_[s] += count(s);
        }
        while (holders_.size() + leaving_.size() < kSlots && start_next()) {
        }
        const int vacated = static_cast<int>(kSlots - holders_.size());
        const int leaver = choose_leaver(holders_, demands_, vacated, now_);
        if (leaver != kNobody) {
            leaving_.push_back({holders_[static_cast<std::size_t>(leaver)], now_});
            holders_.erase(holders_.begin() + leaver);
        }
        most_held_ = std::max(most_held_, holders_.size() + leaving_.size());
    }

    Micros longest_wait() const { return longest_wait_; }
    std::size_t most_held() const { return most_held_; }
    int starts() const { return starts_; }
    std::int64_t served(const Session& s) const { return served_.contains(s) ? served_.at(s) : 0; }
    int count(const Session& s) const {
        return static_cast<int>(std::ranges::count_if(
            holders_, [&](const Holder& h) { return h.db == s.first && h.role == s.second; }));
    }
    Instant now() const { return now_; }

  private:
    struct Leaver {
        Holder holder;
        Instant asked;
    };

    void leave(Micros job_length) {
        std::erase_if(leaving_,
                      [&](const Leaver& l) { return l.holder.idle || now_ - l.asked >= job_length; });
    }

    void note_work(const Session& s, bool has) {
        for (Holder& h : holders_) {
            if (h.db != s.first || h.role != s.second) continue;
            if (!has && !h.idle) h.idle_since = now_;
            h.idle = !has;
        }
        const auto at = std::ranges::find_if(
            demands_, [&](const Demand& d) { return d.db == s.first && d.role == s.second; });
        if (has && at == demands_.end() && count(s) == 0) demands_.push_back({s.first, s.second, now_});
        if (!has && at != demands_.end()) demands_.erase(at);
    }

    bool start_next() {
        const int next = next_demand(holders_, demands_);
        if (next == kNobody) return false;
        const Demand d = demands_[static_cast<std::size_t>(next)];
        demands_.erase(demands_.begin() + next);
        longest_wait_ = std::max(longest_wait_, now_ - d.since);
        holders_.push_back({d.db, d.role, false, {}, now_});
        starts_++;
        return true;
    }

    Instant now_{};
    Holders holders_;
    std::vector<Leaver> leaving_;
    Demands demands_;
    std::map<Session, std::int64_t> served_;
    Micros longest_wait_;
    std::size_t most_held_ = 0;
    int starts_ = 0;
};

std::vector<Cluster::Session> five_roles_in_two_databases() {
    std::vector<Cluster::Session> sessions;
    for (std::uint32_t db = 1; db <= 2; db++) {
        for (std::uint32_t role = 1; role <= 5; role++) sessions.emplace_back(db, role);
    }
    return sessions;
}

// Ten sessions share four slots: each waits for six others to have their tenure, two rounds of four, plus the
// job that a leaver still runs.
TEST(Rotation, NoRoleStarvesWhenAllAlwaysHaveWork) {
    Cluster cluster;
    const auto sessions = five_roles_in_two_databases();
    const Micros job = milliseconds(20);
    const Micros end = seconds(60);
    while (cluster.now() - Instant{} < end) cluster.step(sessions, job, [](const auto&) { return true; });
    EXPECT_LE(cluster.longest_wait(), (kMinTenure + job) * 2 + milliseconds(50));
    EXPECT_LE(cluster.most_held(), Cluster::kSlots);
    const std::int64_t fair = end.us / Cluster::kStep.us * static_cast<std::int64_t>(Cluster::kSlots) / 10;
    for (const auto& s : sessions) {
        EXPECT_GT(cluster.served(s), fair * 8 / 10) << s.first << "/" << s.second;
        EXPECT_LT(cluster.served(s), fair * 12 / 10) << s.first << "/" << s.second;
    }
}

// Three sessions are always busy, the others have work now and then: the rare ones get in within a tenure
// each.
TEST(Rotation, RareWorkGetsInBesideBusyRoles) {
    Cluster cluster;
    const auto sessions = five_roles_in_two_databases();
    std::mt19937 random(6);
    std::map<Cluster::Session, Instant> works_until;
    while (cluster.now() - Instant{} < seconds(120)) {
        cluster.step(sessions, milliseconds(20), [&](const Cluster::Session& s) {
            if (s.first == 1 && s.second <= 3) return true;
            if (random() % 5'000 == 0) works_until[s] = cluster.now() + milliseconds(1'500);
            return works_until.contains(s) && cluster.now() < works_until[s];
        });
    }
    EXPECT_LE(cluster.longest_wait(), (kMinTenure + milliseconds(20)) * 2 + milliseconds(50));
    for (const auto& s : sessions) EXPECT_GT(cluster.served(s), 0) << s.first << "/" << s.second;
}

TEST(Rotation, NobodyMovesWhileSlotsSuffice) {
    Cluster cluster;
    const std::vector<Cluster::Session> four{{1, 1}, {1, 2}, {2, 1}, {2, 2}};
    while (cluster.now() - Instant{} < seconds(30)) {
        cluster.step(four, milliseconds(20), [](const auto&) { return true; });
    }
    EXPECT_EQ(cluster.starts(), 4);
}

TEST(Rotation, AnIdleHolderMakesRoomAtOnce) {
    Cluster cluster;
    const std::vector<Cluster::Session> five{{1, 1}, {1, 2}, {1, 3}, {1, 4}, {1, 5}};
    while (cluster.now() - Instant{} < seconds(10)) {
        cluster.step(five, milliseconds(20), [&](const Cluster::Session& s) {
            if (s.second == 1) return cluster.now() - Instant{} < seconds(1);
            if (s.second == 5) return cluster.now() - Instant{} > seconds(2);
            return true;
        });
    }
    EXPECT_LE(cluster.longest_wait(), milliseconds(5));
    EXPECT_EQ(cluster.starts(), 5);
}

}  // namespace
}  // namespace foreman::core
