// The ranges that an executor claimed from since it last raised their heads, and those that it leaves alone for a
// while, because somebody holds their due rows locked or the board has no room for their keys. Used by the
// executor, which chooses its ranges here.
#pragma once

#include "board/board.hpp"
#include "core/due_list.hpp"
#include "core/group_pace.hpp"
#include "core/time.hpp"
#include "pg/memory.hpp"

namespace foreman::worker {

struct Touched {
    board::RangeRef ref;
    bool to_raise;
    bool drained;  // nothing more is due there for this group, but for what became claimable since drained_at
    uint32 drained_at;
    core::Key head;  // as it was at the last claim of this group
    core::Key from;  // where the next claim of this group starts while the head stays so
    int misses;      // claims in a row that found every due row locked
    core::Instant blocked_until;
    uint32 blocked_at;  // range_lowered before the last of them
};

class TouchedRanges {
  public:
    TouchedRanges(Oid database, Oid role) noexcept : database_(database), role_(role) {}

    /// The least due range of the role that is not left alone; false when there is none. A range that came to be less
    /// may have to wait for kListFor.
    bool choose(bool allow_alone, board::RangeChoice* choice);
    /// Whether there is another one besides the last choice.
    bool others_are_due() const noexcept { return list_.size() > 1; }
    /// A claim got all that was due: this group passes the range by, and so do others where the claim has something.
    void drained(const board::RangeChoice& choice, bool got_some);
    /// What the group claimed waits again.
    void gave_back() noexcept;
    /// Of a queue with ageing: the range of its oldest due job in place of the choice.
    void turn_to_oldest(bool allow_alone, board::RangeChoice* choice) const;

    Touched& touch(const board::RangeChoice& choice);
    bool any_to_raise() const;
    /// Raises the heads of what was claimed from, once per group, after its commit: then its own rows are gone
    /// for every new snapshot.
    void raise();

    /// A claim found nothing. The first miss may be a head that was too low: it is raised next. After that
    /// somebody holds the rows: the range is looked at again by time, since the end of a foreign lock tells
    /// nobody, or when another row became claimable.
    void missed(const board::RangeChoice& choice);
    /// The same of rows that are locked. The locked rows hold the head, so the dispatcher has no timer for the row
    /// that is due next behind them; and a timer that it has once they are gone may wake this executor.
    /// asked: before the claim.
    void missed_locked(const board::RangeChoice& choice, core::Instant asked);
    /// The board has no room for the keys of its jobs, and nobody tells when there is.
    void leave_for_a_while(const board::RangeChoice& choice);
    /// How long until a range that is left alone is looked at again; `most` when there is none.
    core::Micros next_retry(core::Micros most) const;

  private:
    // More than a group has jobs, so that all its ranges are raised after it.
    static constexpr std::size_t kMaxTouched = 256;
    static constexpr core::Micros kListFor = core::milliseconds(2);

    bool must_leave(const Touched& t, core::Instant now) const noexcept;
    void list(bool allow_alone, core::Instant now);
    bool is_next(bool allow_alone, core::Instant now, board::RangeChoice* choice);

    const Oid database_;
    const Oid role_;
    pg::static_vector<Touched, kMaxTouched> touched_;
    core::DueList list_;
    core::Instant listed_at_ = core::kMinusInfinity;
    bool listed_alone_ = false;  // the list may have ranges of jobs that must run alone
    core::Instant marked_until_ =
        core::kPlusInfinity;  // when the first range that others drain is looked at again
};

}  // namespace foreman::worker
