// The ranges that an executor claimed from since it last raised their heads, and those that it leaves alone for a
// while, because somebody holds their due rows locked or the board has no room for their keys. Used by the
// executor, which chooses its ranges here.
#pragma once

#include "board/board.hpp"
#include "core/time.hpp"
#include "pg/memory.hpp"

namespace foreman::worker {

struct Touched {
    board::RangeRef ref;
    bool to_raise;
    core::Key head;  // as it was at the last claim of this group
    core::Key from;  // where the next claim of this group starts while the head stays so
    int misses;      // claims in a row that found every due row locked
    core::Instant blocked_until;
    uint32 blocked_at;  // range_lowered before the last of them
};

class TouchedRanges {
  public:
    TouchedRanges(Oid database, Oid role) noexcept : database_(database), role_(role) {}

    /// The least due range of the role that is not left alone; false when there is none.
    bool choose(bool allow_alone, board::RangeChoice* choice) const;
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
    static constexpr std::size_t kMaxTouched = 64;

    const Oid database_;
    const Oid role_;
    pg::static_vector<Touched, kMaxTouched> touched_;
};

}  // namespace foreman::worker
