// See touched_ranges.hpp.
#include "worker/touched_ranges.hpp"

#include <algorithm>
#include <utility>

#include "board/board.hpp"
#include "pg/datum.hpp"
#include "store/jobs/ageing.hpp"
#include "store/jobs/jobs.hpp"
#include "store/jobs/raise.hpp"

namespace foreman::worker {

namespace {

constexpr core::Micros kBlockedRetry = core::milliseconds(100);
constexpr int kMaxBlockedDoublings = 3;
constexpr core::Micros kNoRoomRetry = core::milliseconds(200);
constexpr core::Micros kMaxBlockedRetry = kBlockedRetry * (int64{1} << kMaxBlockedDoublings);

// A pause that is longer than any pause can be shows that the clock was set back since it began.
bool is_blocked(const Touched& t, core::Instant now) {
    return t.blocked_until > now && t.blocked_until - now <= kMaxBlockedRetry &&
           board::range_lowered(t.ref) == t.blocked_at;
}

}  // namespace

bool TouchedRanges::must_leave(const Touched& t, core::Instant now) const noexcept {
    return is_blocked(t, now) || (t.drained && board::range_lowered(t.ref) == t.drained_at);
}

void TouchedRanges::list(bool allow_alone, core::Instant now) {
    uint32 skip[kMaxTouched];
    std::size_t n = 0;
    for (const Touched& t : touched_) {
        if (must_leave(t, now)) skip[n++] = t.ref.index;
    }
    marked_until_ = board::list_due_ranges(database_, role_, now, allow_alone, {skip, n}, &list_);
    listed_at_ = now;
    listed_alone_ = allow_alone;
}

// The first of the list that may be claimed from, looked at again: much may have happened since it was listed. What must
// run alone stays in the list, which has to be made without it where it comes first and may not be chosen.
bool TouchedRanges::is_next(bool allow_alone, core::Instant now, board::RangeChoice* choice) {
    while (!list_.empty()) {
        const core::DueRange& r = list_.first();
        const board::RangeRef ref{r.index, r.generation};
        const auto is_it = [ref](const Touched& t) {
            return t.ref.index == ref.index && t.ref.generation == ref.generation;
        };
        if (board::describe_range(ref, choice, now) && choice->role == role_ && !choice->drained &&
            choice->head.run_at <= now.us && board::range_opens_at(ref) <= now) {
            if (!allow_alone && board::is_alone(choice->alone)) return false;
            if (choice->head != r.head && !list_.move_first(choice->head)) continue;
            const auto t = std::find_if(touched_.begin(), touched_.end(), is_it);
            if (t == touched_.end() || !must_leave(*t, now)) return true;
        }
        list_.drop_first();
    }
    return false;
}

bool TouchedRanges::choose(bool allow_alone, board::RangeChoice* choice) {
    const core::Instant now = pg::clock_now();
    const bool is_new = now >= listed_at_ && now - listed_at_ < kListFor;
    if (is_new && (listed_alone_ || !allow_alone) && is_next(allow_alone, now, choice)) return true;
    list(allow_alone, now);
    return is_next(allow_alone, now, choice);
}

void TouchedRanges::drained(const board::RangeChoice& choice, bool got_some) {
    Touched& t = touch(choice);
    t.drained = true;
    t.drained_at = choice.lowered;
    if (got_some) board::note_drained(choice.ref, choice.lowered, pg::clock_now());
}

void TouchedRanges::gave_back() noexcept {
    for (Touched& t : touched_) {
        if (std::exchange(t.drained, false)) board::forget_drained(t.ref);
    }
}

bool TouchedRanges::any_to_raise() const {
    return std::any_of(touched_.begin(), touched_.end(), [](const Touched& t) { return t.to_raise; });
}

Touched& TouchedRanges::touch(const board::RangeChoice& choice) {
    for (Touched& t : touched_) {
        if (t.ref.index == choice.ref.index && t.ref.generation == choice.ref.generation) return t;
    }
    if (touched_.size() == touched_.capacity()) touched_.erase(touched_.begin());
    touched_.push_back(
        {choice.ref, false, false, 0, core::kNoKey, core::kFirstKey, 0, core::kMinusInfinity, 0});
    return touched_.back();
}

void TouchedRanges::missed(const board::RangeChoice& choice) {
    Touched& t = touch(choice);
    t.misses++;
    t.blocked_at = choice.lowered;
    if (t.misses > 1)
        t.blocked_until =
            pg::clock_now() + kBlockedRetry * (int64{1} << std::min(t.misses - 2, kMaxBlockedDoublings));
}

void TouchedRanges::leave_for_a_while(const board::RangeChoice& choice) {
    Touched& t = touch(choice);
    t.misses = 2;
    t.blocked_at = choice.lowered;
    t.blocked_until = pg::clock_now() + kNoRoomRetry;
}

void TouchedRanges::missed_locked(const board::RangeChoice& choice, core::Instant asked) {
    missed(choice);
    Touched& t = touch(choice);
    if (t.misses == 1) return;
    const store::RangeSpec range{choice.queue_name(), choice.kind_name(), choice.priority, choice.alone};
    const core::Key next = store::first_key(range, {asked.us + 1, core::kFirstKey.job_id}, {});
    t.blocked_until = std::min(t.blocked_until, core::Instant{next.run_at});
}

void TouchedRanges::turn_to_oldest(bool allow_alone, board::RangeChoice* choice) const {
    struct Asked {
        const TouchedRanges* self;
        bool allow_alone;
        core::Instant now;
    } const asked{this, allow_alone, pg::clock_now()};
    store::turn_to_oldest(
        choice, asked.now,
        [](const void* arg, const board::RangeChoice& r) {
            const auto* a = static_cast<const Asked*>(arg);
            if (r.role != a->self->role_ || (r.alone != 0 && !a->allow_alone)) return false;
            return std::none_of(a->self->touched_.begin(), a->self->touched_.end(),
                                [a, &r](const Touched& t) {
                                    return t.ref.index == r.ref.index && a->self->must_leave(t, a->now);
                                });
        },
        &asked);
}

void TouchedRanges::raise() {
    for (Touched& t : touched_) {
        t.drained = false;
        if (!t.to_raise) continue;
        store::raise_range(t.ref);
        t.to_raise = false;
        t.head = core::kNoKey;
        t.from = core::kFirstKey;
    }
    auto done =
        std::remove_if(touched_.begin(), touched_.end(), [](const Touched& t) { return t.misses == 0; });
    touched_.erase(done, touched_.end());
}

core::Micros TouchedRanges::next_retry(core::Micros most) const {
    core::Micros wait = most;
    const core::Instant now = pg::clock_now();
    for (const Touched& t : touched_) {
        if (is_blocked(t, now)) wait = std::min(wait, t.blocked_until - now);
    }
    if (marked_until_ != core::kPlusInfinity)
        wait = std::min(wait, std::clamp(marked_until_ - now, core::milliseconds(1), board::kDrainFor));
    return wait;
}

}  // namespace foreman::worker
