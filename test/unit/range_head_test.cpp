// The head's rule: all interleavings of producers, claimers and a raiser, explored exhaustively over the real
// functions. Each step of the rule is also moved, and the exploration must then find a lost row: a model that
// cannot fail proves nothing.
#include "core/range_head.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace foreman::core {
namespace {

TEST(RangeHead, KeysAreOrderedByTimeThenId) {
    EXPECT_LT((Key{1, 9}), (Key{2, 1}));
    EXPECT_LT((Key{1, 1}), (Key{1, 2}));
    EXPECT_LT(kFirstKey, (Key{0, 0}));
    EXPECT_LT((Key{0, 0}), kNoKey);
}

TEST(RangeHead, ParkedJobsAreOrderedByPriorityFirst) {
    ParkedHead h{kNoPlace, kNoPlace};
    lower(h, ParkedPlace{1, Key{3, 3}});
    lower(h, ParkedPlace{2, Key{1, 1}});
    EXPECT_EQ(begin_raise(h), (ParkedPlace{1, Key{3, 3}}));
    lower(h, ParkedPlace{0, Key{9, 9}});
    finish_raise(h, ParkedPlace{1, Key{4, 4}});
    EXPECT_EQ(h.head, (ParkedPlace{0, Key{9, 9}}));
    begin_raise(h);
    finish_raise(h, kNoPlace);
    EXPECT_EQ(h.head, kNoPlace);
}

TEST(RangeHead, LowerNeverRaises) {
    RangeHead r{Key{5, 5}, kNoKey};
    lower(r, Key{7, 1});
    EXPECT_EQ(r.head, (Key{5, 5}));
    EXPECT_EQ(r.pending, (Key{7, 1}));
    lower(r, Key{3, 1});
    EXPECT_EQ(r.head, (Key{3, 1}));
    EXPECT_EQ(r.pending, (Key{3, 1}));
}

TEST(RangeHead, ARaiseStoresWhatItSawOrWhatCameMeanwhile) {
    RangeHead r{kFirstKey, kNoKey};
    EXPECT_EQ(begin_raise(r), kFirstKey);
    finish_raise(r, Key{4, 4});
    EXPECT_EQ(r.head, (Key{4, 4}));
    begin_raise(r);
    lower(r, Key{6, 6});
    finish_raise(r, kNoKey);
    EXPECT_EQ(r.head, (Key{6, 6}));
    EXPECT_EQ(begin_raise(r), (Key{6, 6}));
    finish_raise(r, kNoKey);
    EXPECT_EQ(r.head, kNoKey);
}

TEST(RangeHead, ARaiseThatIsGivenUpLeavesNothingBehind) {
    RangeHead r{Key{2, 2}, kNoKey};
    begin_raise(r);
    lower(r, Key{3, 3});
    begin_raise(r);
    finish_raise(r, Key{9, 9});
    EXPECT_EQ(r.head, (Key{9, 9}));
}

// ---- the model
// -------------------------------------------------------------------------------------------------------

// What is moved out of its place; `none` is the rule as it stands.
enum class Moved {
    none,
    snapshot_before_held_keys,  // allowed: both come after begin_raise
    callback_before_commit,     // a producer lowers the head before its row can be seen
    snapshot_before_begin,      // the raiser
    held_keys_before_begin,     // the raiser
    head_before_begin,          // the raiser reads from a head that it read earlier
    lower_before_clear,         // who gives a job back
    clear_without_lower,        // who gives a job back
    two_raisers,
};

// A key is a small number in the model: rows have the keys 1..kRows, 0 is kFirstKey.
using Code = std::int8_t;
constexpr Code kFirst = 0;
constexpr Code kNone = 100;
constexpr std::size_t kRows = 3;  // 2 is there from the start, the producers insert 1 and 3
constexpr std::size_t kClaimers = 2;
constexpr std::size_t kProducers = 2;
constexpr std::size_t kRaisers = 2;

Key key_of(Code code) {
    if (code == kFirst) return kFirstKey;
    return code == kNone ? kNoKey : Key{code, 0};
}
Code code_of(Key key) {
    if (key == kFirstKey) return kFirst;
    return key == kNoKey ? kNone : static_cast<Code>(key.run_at);
}
std::size_t row_of(Code code) { return static_cast<std::size_t>(code - 1); }

struct Producer {
    Code key = kNone;
    std::int8_t step = 0;
    bool operator==(const Producer&) const = default;
};

struct Claimer {
    Code key = kNone;   // of the row in its hands
    Code slot = kNone;  // what it has published
    std::int8_t step = 0;
    std::int8_t jobs_left = 0;
    bool operator==(const Claimer&) const = default;
};

struct Raiser {
    std::int8_t step = 0;
    std::int8_t raises_left = 0;
    std::uint8_t snapshot = 0;  // rows, as bits
    std::uint8_t held = 0;      // rows, as bits
    Code from = kFirst;
    bool operator==(const Raiser&) const = default;
};

struct State {
    Code head = kFirst;
    Code pending = kNone;
    std::array<Raiser, kRaisers> raisers;
    std::array<Producer, kProducers> producers;
    std::array<Claimer, kClaimers> claimers;
    std::array<bool, kRows> visible{};      // committed and not deleted
    std::array<bool, kRows> taken{};        // locked or deleted by a transaction that has not ended
    std::array<std::int8_t, kRows> owed{};  // callbacks that have yet to run for it
    bool operator==(const State&) const = default;

    // Calls one of the functions under test on the head.
    template <class F>
    void with_range(F f) {
        RangeHead range{key_of(head), key_of(pending)};
        f(range);
        head = code_of(range.head);
        pending = code_of(range.pending);
    }
};
static_assert(std::has_unique_object_representations_v<Raiser> && alignof(State) == 1);

struct HashState {
    std::size_t operator()(const State& s) const {
        std::array<char, sizeof(State)> bytes;
        std::memcpy(bytes.data(), &s, sizeof s);
        return std::hash<std::string_view>()({bytes.data(), bytes.size()});
    }
};

struct Explorer {
    Moved moved = Moved::none;

    std::unordered_set<State, HashState> seen;
    std::vector<State> todo;
    std::size_t finals = 0;
    std::string lost;  // the first violation; empty when there is none

    void run() {
        visit(initial());
        while (!todo.empty() && lost.empty()) {
            const State s = todo.back();
            todo.pop_back();
            const std::size_t before = expanded_;
            expand(s);
            if (expanded_ == before) check_final(s);
        }
    }

  private:
    std::size_t expanded_ = 0;

    State initial() const {
        State s;
        s.producers[0].key = 1;
        s.producers[1].key = 3;
        s.visible[row_of(2)] = true;
        s.claimers[0].jobs_left = 2;
        s.claimers[1].jobs_left = 1;
        s.raisers[0].raises_left = 2;
        s.raisers[1].raises_left = moved == Moved::two_raisers ? 1 : 0;
        return s;
    }

    void reach(const State& s) {
        expanded_++;
        visit(s);
    }

    void visit(const State& s) {
        for (Code key = 1; key <= static_cast<Code>(kRows); key++) {
            const std::size_t r = row_of(key);
            const bool claimable = s.visible[r] && !s.taken[r] && s.owed[r] == 0;
            if (claimable && s.head > key && lost.empty()) {
                lost =
                    "row " + std::to_string(key) + " is claimable, the head is at " + std::to_string(s.head);
            }
        }
        if (seen.insert(s).second) todo.push_back(s);
    }

    void expand(const State& s) {
        for (std::size_t i = 0; i < kProducers; i++) step_producer(s, i);
        for (std::size_t i = 0; i < kClaimers; i++) step_claimer(s, i);
        for (std::size_t i = 0; i < kRaisers; i++) step_raiser(s, i);
    }

    // When all is still, a raise finds exactly the least row: the head does not just stay low.
    void check_final(const State& s) {
        finals++;
        State last = s;
        Code least = kNone;
        for (auto key = static_cast<Code>(kRows); key > 0; key--) {
            if (s.visible[row_of(key)]) least = key;
        }
        last.with_range([](RangeHead& range) { begin_raise(range); });
        last.with_range([&](RangeHead& range) { finish_raise(range, key_of(least)); });
        if (last.head != least && lost.empty()) lost = "the head is not the least row at the end";
    }

    // Commit, then callback.
    void step_producer(const State& s, std::size_t i) {
        const Producer& p = s.producers[i];
        if (p.step == 2) return;
        State next = s;
        next.producers[i].step++;
        const std::size_t r = row_of(p.key);
        const bool commits = (p.step == 0) != (moved == Moved::callback_before_commit);
        if (commits) {
            next.visible[r] = true;
            if (moved != Moved::callback_before_commit) next.owed[r]++;
        } else {
            lower_head(next, p.key);
            if (moved != Moved::callback_before_commit) next.owed[r]--;
        }
        reach(next);
    }

    enum : std::int8_t { kFree, kTook, kPublished, kEnded, kHalfBack };

    void step_claimer(const State& s, std::size_t i) {
        switch (s.claimers[i].step) {
            case kFree:
                take(s, i);
                break;
            case kTook:  // a short job is not published
                publish(s, i);
                finish_job(s, i);
                give_back_unpublished(s, i);
                break;
            case kPublished:
                finish_job(s, i);
                begin_give_back(s, i);
                break;
            default:
                end_give_back(s, i);
        }
    }

    void take(const State& s, std::size_t i) {
        if (s.claimers[i].jobs_left == 0) return;
        for (Code key = 1; key <= static_cast<Code>(kRows); key++) {
            const std::size_t r = row_of(key);
            if (!s.visible[r] || s.taken[r]) continue;
            State next = s;
            next.taken[r] = true;
            next.claimers[i].key = key;
            next.claimers[i].step = kTook;
            next.claimers[i].jobs_left--;
            reach(next);
        }
    }

    void publish(const State& s, std::size_t i) {
        State next = s;
        next.claimers[i].slot = s.claimers[i].key;
        next.claimers[i].step = kPublished;
        reach(next);
    }

    static void let_go(Claimer& c) { c = {kNone, kNone, kFree, c.jobs_left}; }

    // The delete commits. The slot may be cleared in the same step: a key whose row is gone is of no matter.
    void finish_job(const State& s, std::size_t i) {
        State next = s;
        const std::size_t r = row_of(s.claimers[i].key);
        next.visible[r] = false;
        next.taken[r] = false;
        let_go(next.claimers[i]);
        reach(next);
    }

    // No raise passed over it, so nothing is owed beyond what its producer may still owe.
    void give_back_unpublished(const State& s, std::size_t i) {
        State next = s;
        next.taken[row_of(s.claimers[i].key)] = false;
        let_go(next.claimers[i]);
        reach(next);
    }

    // Abort (the row is free), clear the slot, lower the head: the last two may be the other way round.
    void begin_give_back(const State& s, std::size_t i) {
        State next = s;
        const std::size_t r = row_of(s.claimers[i].key);
        next.taken[r] = false;
        next.owed[r]++;
        next.claimers[i].step = kEnded;
        reach(next);
    }

    void end_give_back(const State& s, std::size_t i) {
        State next = s;
        Claimer& c = next.claimers[i];
        const Code key = c.key;
        const bool first = c.step == kEnded;
        const bool lowers = first == (moved == Moved::lower_before_clear);
        if (!lowers) c.slot = kNone;
        if (lowers && moved != Moved::clear_without_lower) lower_head(next, key);
        if (first) {
            c.step = kHalfBack;
        } else {
            next.owed[row_of(key)]--;
            let_go(c);
        }
        reach(next);
    }

    static void lower_head(State& s, Code key) {
        s.with_range([&](RangeHead& range) { lower(range, key_of(key)); });
    }

    // The raiser's steps, in the order in which it takes them.
    enum class Act { begin, from, slot0, slot1, snapshot, finish };

    std::vector<Act> raise_order() const {
        using enum Act;
        switch (moved) {
            case Moved::snapshot_before_held_keys:
                return {begin, from, snapshot, slot0, slot1, finish};
            case Moved::snapshot_before_begin:
                return {snapshot, begin, from, slot0, slot1, finish};
            case Moved::held_keys_before_begin:
                return {slot0, slot1, begin, from, snapshot, finish};
            case Moved::head_before_begin:
                return {from, begin, slot0, slot1, snapshot, finish};
            default:
                return {begin, slot0, slot1, snapshot, finish};
        }
    }

    void step_raiser(const State& s, std::size_t i) {
        const Raiser& r = s.raisers[i];
        if (r.raises_left == 0) return;
        const std::vector<Act> order = raise_order();
        State next = s;
        next.raisers[i].step++;
        act(next, i, order[static_cast<std::size_t>(r.step)], order.size() == 5);
        reach(next);
        if (r.step > 0) {  // a raiser may die in between
            State abandoned = s;
            abandoned.raisers[i] = {};
            reach(abandoned);
        }
    }

    static void act(State& s, std::size_t i, Act what, bool from_at_begin) {
        Raiser& r = s.raisers[i];
        switch (what) {
            case Act::begin: {
                s.with_range([&](RangeHead& range) {
                    const Key from = begin_raise(range);
                    if (from_at_begin) r.from = code_of(from);
                });
                break;
            }
            case Act::from:
                r.from = s.head;
                break;
            case Act::slot0:
            case Act::slot1: {
                const Code slot = s.claimers[what == Act::slot0 ? 0 : 1].slot;
                if (slot != kNone) r.held = static_cast<std::uint8_t>(r.held | (1U << row_of(slot)));
                break;
            }
            case Act::snapshot:
                for (std::size_t row = 0; row < kRows; row++) {
                    if (s.visible[row]) r.snapshot = static_cast<std::uint8_t>(r.snapshot | (1U << row));
                }
                break;
            case Act::finish: {
                s.with_range([&](RangeHead& range) { finish_raise(range, key_of(first_seen(r))); });
                const auto left = static_cast<std::int8_t>(r.raises_left - 1);
                r = {};
                r.raises_left = left;
            }
        }
    }

    static Code first_seen(const Raiser& r) {
        for (Code key = 1; key <= static_cast<Code>(kRows); key++) {
            const unsigned bit = 1U << row_of(key);
            if ((r.snapshot & bit) != 0 && (r.held & bit) == 0 && key >= r.from) return key;
        }
        return kNone;
    }
};

Explorer explore(Moved moved) {
    Explorer e;
    e.moved = moved;
    e.run();
    return e;
}

TEST(HeadsRule, LosesNoRowInAnyInterleaving) {
    const Explorer e = explore(Moved::none);
    EXPECT_EQ(e.lost, "");
    EXPECT_GT(e.seen.size(), 100'000U);
    EXPECT_GT(e.finals, 10U);
    RecordProperty("states", static_cast<int>(e.seen.size()));
}

TEST(HeadsRule, SnapshotAndHeldKeysMayComeInEitherOrder) {
    EXPECT_EQ(explore(Moved::snapshot_before_held_keys).lost, "");
}

TEST(HeadsRule, TheCallbackMustFollowTheCommit) {
    EXPECT_NE(explore(Moved::callback_before_commit).lost, "");
}

TEST(HeadsRule, TheSnapshotMustFollowTheBegin) { EXPECT_NE(explore(Moved::snapshot_before_begin).lost, ""); }

TEST(HeadsRule, TheHeldKeysMustFollowTheBegin) { EXPECT_NE(explore(Moved::held_keys_before_begin).lost, ""); }

TEST(HeadsRule, TheHeadThatIsReadFromMustFollowTheBegin) {
    EXPECT_NE(explore(Moved::head_before_begin).lost, "");
}

TEST(HeadsRule, WhoGivesAJobBackMustClearItsSlotFirst) {
    EXPECT_NE(explore(Moved::lower_before_clear).lost, "");
}

TEST(HeadsRule, WhoGivesAJobBackMustLowerTheHead) { EXPECT_NE(explore(Moved::clear_without_lower).lost, ""); }

TEST(HeadsRule, OneRaiserAtATime) { EXPECT_NE(explore(Moved::two_raisers).lost, ""); }

}  // namespace
}  // namespace foreman::core
