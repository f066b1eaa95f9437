// The dispatcher's reading of ranges from the rows: all of them at a start and every few minutes, and those
// that the board has no room for when they are due. Invariant: a range that is missing on the board and that
// executors run is on it soon after it is due, in place of another one if need be.
#pragma once

#include "core/time.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::engine {

/// A pass is a step at each turn of the dispatcher. Over all ranges: each is on the board afterwards, if
/// there is room, its head set exactly, as a raise does. Over the missing ones: those that are due are put on
/// the board.
class RangeReader {
  public:
    explicit RangeReader(Oid database) : database_(database) {}
    /// Begins a pass: over all, after the one that goes on; or over the missing ones, when one is due. Not
    /// more often than that they take a third of the time. false: no pass goes on.
    bool begin(core::Instant now, core::Instant steady, bool all) noexcept;
    /// errors:  whatever raises; the pass is given up, and the next one is over all
    void step(core::Instant now, core::Micros most);
    bool active() const noexcept { return active_; }
    /// Before when no pass over the missing ones begins, by the steady clock.
    core::Instant rest() const noexcept { return next_missing_; }

  private:
    void look_at(const store::RangeRow& row, core::Instant now) const;
    void finish() noexcept;

    const Oid database_;
    store::RangeRow row_{};
    core::Instant began_{};
    core::Instant next_missing_{core::kMinusInfinity};
    uint32 notes_ = 0;
    bool active_ = false;
    bool at_start_ = false;
    bool all_ = false;
    bool once_more_ = false;
    bool broken_ = false;  // the last step raised
};

}  // namespace foreman::engine
