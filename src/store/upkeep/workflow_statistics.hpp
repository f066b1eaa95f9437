// What happened to workflows of each type in each minute, from the counters of the board to one row for each type to
// which something did; and the counts of what runs and waits, from the rows to the board. Called by the dispatcher.
// Invariant: a row of statistics is inserted once, and added to only when a clock that was set back brings its minute
// again.
#pragma once

#include "board/workflow_counts.hpp"
#include "pg/memory.hpp"

namespace foreman::store {

/// All types of this database that the board counts.
void read_workflow_counts(pg::vector<board::WorkflowReading>* out);

/// The minutes of one database; part of MinuteStatistics, which says when one is over.
class WorkflowMinutes {
  public:
    explicit WorkflowMinutes(pg::ContextResource* memory) : last_(memory), current_(memory) {}

    void begin() { read_workflow_counts(&last_); }
    /// needs: the caller's transaction, as the owner; when that commits, written()
    void write(core::Instant minute);
    void written() noexcept { last_.swap(current_); }

  private:
    pg::vector<board::WorkflowReading> last_, current_;
};

/// does: counts what runs and waits of each type for the board.
/// needs: within board::begin_count() and end_count(), with its snapshot
/// cost: one pass over the index entries of running instances, and over pending inputs
void recount_workflows();

}  // namespace foreman::store
