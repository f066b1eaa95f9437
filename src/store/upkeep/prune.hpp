// Retention: what is past its queue's policy goes. Days of history that are past every policy leave as
// partitions, what is past the policy of its own queue only is deleted in batches, and dead letters are. The
// dispatcher takes one step in each of many short transactions, prune_once() all of them in its caller's.
// Invariant: only what has ended goes, and only past the policies that are committed when its step begins;
// nothing waits for a row that somebody holds, and the history is locked no longer than it takes to drop one
// table.
#pragma once

#include "board/board.hpp"
#include "pg/memory.hpp"
#include "store/upkeep/prune_publishes.hpp"

namespace foreman::store {

struct Pruned {
    const char* what;  // history, partitions, dead letters, statistics, unique keys, batches, workflows,
                       // inputs, publishes, unroutable publishes
    board::BoardName queue;  // empty: of several
    int64 rows;
};

class Pruner {
  public:
    Pruner()
        : context_("foreman pruning"),
          memory_(context_),
          days_(&memory_),
          retentions_(&memory_),
          removed_(&memory_) {}

    /// Begins a pass that goes by this instant.
    void begin(core::Instant now);
    bool active() const noexcept { return phase_ != Phase::none; }
    /// does: one step, inside the caller's transaction.
    /// returns: false when the pass is complete
    /// errors: after everything else, why a partition could not be dropped
    bool step();
    /// A partition could not be locked in time: it is tried again by the next step, after a pause that lets
    /// others work; and left for the next pass after some tries.
    bool blocked() const noexcept { return tries_ > 0; }
    static constexpr core::Micros kPause = core::milliseconds(200);
    /// Gives the pass up; what it removed stays removed.
    void stop() noexcept { phase_ = Phase::none; }
    /// What the pass has removed so far.
    const pg::vector<Pruned>& removed() const noexcept { return removed_; }

  private:
    enum class Phase {
        none,
        begun,
        dead_letters,
        aged,
        batches,
        workflows,
        inputs,
        publishes,
        unroutable,
        history,
        partitions
    };
    struct Day {
        int64 number;  // days since 2000-01-01; of the default partition: none
        bool is_default;
    };

    void read_retentions();
    bool is_over(const Day& day) const;
    bool has_work(const Day& day) const;
    bool delete_batch(const char* form, const char* table, const char* what);
    bool delete_batches();
    void go_on(const char* what, PrunedSome some, Phase next);
    bool drop_day(const Day& day);
    bool try_drop_day(const Day& day);
    void count(const char* what, std::string_view queue, int64 rows);

    pg::Context context_;
    pg::ContextResource memory_;
    Phase phase_ = Phase::none;
    core::Instant now_{};
    pg::vector<Day> days_;
    pg::vector<core::Micros> retentions_;        // of history, of any queue
    core::Instant done_ = core::kMinusInfinity;  // when the last complete pass of these policies began
    uint64 generation_ = 0;                      // of the policies
    std::size_t at_ = 0;
    int tries_ = 0;
    std::optional<pg::Failure> kept_;  // why a partition could not be dropped
    PrunePlace place_;                 // what the last step came to
    int64 batch_ = 0;                  // the last batch that was looked at
    uint32 block_ = 0;                 // what the deletions of this table have come to
    uint16 offset_ = 0;
    uint32 end_ = 0;  // its size in blocks when they began
    pg::vector<Pruned> removed_;
};

}  // namespace foreman::store
