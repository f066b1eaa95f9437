// What happened in each minute, from the counters of the board to one row for each queue in which something
// did, and from those to one row for each hour; and what the views show that counters do not tell. Called by the dispatcher, and by the views.
// Invariant: a row of statistics is inserted once, and added to only when a clock that was set back brings
// its minute again; no view counts rows.
#pragma once

#include "board/board.hpp"
#include "pg/memory.hpp"
#include "store/upkeep/workflow_statistics.hpp"

namespace foreman::store {

/// A queue's counters since the server started.
struct QueueTotals {
    board::BoardName name;
    int64 enqueued, completed, failed, discarded, cancelled;
    bool has_times;
    board::JobTimes times;
};
/// Copies up to `max` of a database; returns how many there are.
int read_totals(Oid database, QueueTotals* out, int max) noexcept;

/// The minutes of one database, kept by its dispatcher.
class MinuteStatistics {
  public:
    MinuteStatistics()
        : context_("foreman statistics"),
          memory_(context_),
          last_(&memory_),
          current_(&memory_),
          workflows_(&memory_) {}

    /// From here on things count: what was before belongs to a minute that nobody watched.
    void begin(core::Instant now);
    /// The end of the minute that is being watched.
    core::Instant end_of_minute() const noexcept { return end_; }
    /// It has passed, or the clock was set back to before that minute.
    bool is_over(core::Instant now) const noexcept;
    /// does: inserts what happened since the last minute, and sums up the hours that are over.
    /// needs: the caller's transaction; when that commits, written()
    void write();
    void written(core::Instant now);

  private:
    static void read(pg::vector<QueueTotals>* into);
    core::Instant start_of_minute() const noexcept { return end_ - core::minutes(1); }

    pg::Context context_;
    pg::ContextResource memory_;
    core::Instant end_ = core::kPlusInfinity;
    core::Instant summed_ = core::kMinusInfinity;  // all hours before this one have their rows
    pg::vector<QueueTotals> last_, current_;
    WorkflowMinutes workflows_;
};

/// Counts jobs that are due later, those that wait for others, and leased ones, for each queue of the board,
/// in short steps.
class SplitCounter {
  public:
    SplitCounter() : context_("foreman counts"), memory_(context_), counts_(&memory_) {}

    void begin(core::Instant now);
    bool active() const noexcept { return active_; }
    /// does: counts for a few milliseconds; the last step tells the board.
    /// needs: a transaction
    void step();
    void stop() noexcept { active_ = false; }

  private:
    struct Counts {
        board::BoardName queue;
        int64 scheduled, leased, pending;
    };
    Counts& of(std::string_view queue);
    bool count_some(const board::RangeChoice& range);
    bool count_blocked();
    void tell() const noexcept;

    pg::Context context_;
    pg::ContextResource memory_;
    bool active_ = false;
    core::Instant now_{};
    uint32 at_ = 0;        // range
    core::Key from_{};     // and the last key counted there
    char blocked_on_ = 0;  // the last blocked job that was counted
    int64 blocked_job_ = 0;
    pg::vector<Counts> counts_;
};

/// does: measures the size of the database for the board.
/// cost: one look at each of its files
void measure_database();

}  // namespace foreman::store
