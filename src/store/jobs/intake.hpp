// The start of jobs of one queue, in the only order that its limits allow: places are asked for, then jobs are
// claimed, then those with keys pass the gate; and what did not start gives its place back. One object for
// each claim: of executors, of run_once() and its like, of lane procedure and of claim().
// Invariant: of what the queue granted no more is used up than jobs start; after an error the end of the
// transaction gives back the rest.
#pragma once

#include "board/queue_limits.hpp"
#include "pg/memory.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::store {

class Intake {
  public:
    /// does:    asks the queue for places for `wanted` jobs. One that has no entry on the board has no room for
    ///          limits either: when it has one, none of its jobs start.
    /// needs:   the transaction that claims
    /// cost:    two atomic operations without a rate limit
    Intake(uint32 entry, std::string_view queue, int wanted, board::Running running, core::Instant now);

    bool is_on_board() const noexcept { return entry_ != board::kNoIndex; }
    /// How many jobs may start; 0: the queue is full, or its rate is used up.
    int places() const noexcept { return places_; }
    /// does:    `jobs` were claimed, no more than places(): the other places are given back
    void claimed(int jobs) noexcept;
    /// does:    pass_gate() for those from index `first` on, which were claimed; places of the parked ones are
    ///          given back
    /// returns: as pass_gate() does
    bool pass_gate(pg::vector<Job>* jobs, std::size_t first);
    /// does:    `jobs` of those that were claimed did not start after all
    void not_started(int jobs) noexcept { claimed(places_ - jobs); }

  private:
    const uint32 entry_;
    const board::Running running_;
    int places_ = 0;
};

}  // namespace foreman::store
