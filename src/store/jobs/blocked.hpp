// Blocked jobs: whether one became runnable is decided here, after the commit that may have made it so, with
// a fresh snapshot. The dispatcher does it in steps, each in a transaction of its own, for the hints on the
// board and now and then for all rows; dispatch_once() looks at all rows at once.
// Invariant: only this changes state b to w, so a job is let go once; nothing here waits for a lock that a
// user's transaction or an executor holds. What somebody has locked is looked at again by itself, after a
// pause that doubles; nothing else waits for it.
#pragma once

#include <optional>

#include "core/time.hpp"
#include "pg/memory.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::store {

/// What one look did, and whether something that it wanted was locked, so that it has to look again soon.
struct BlockedPass {
    int64 released = 0;
    bool locked = false;
};

/// A job that ended, and how far those that wait for it have been looked at.
struct EndWalk {
    int64 id = 0;
    int64 after = PG_INT64_MIN;
    bool locked = false;
};

class BlockedWork {
  public:
    /// takes_hints: the dispatcher.
    explicit BlockedWork(bool takes_hints);

    /// From here on every blocked job and open batch is looked at: at a start, after COMMIT PREPARED, and
    /// when a hint was lost.
    void look_at_all();
    /// Works for about `most`: one hint from each end, one walk, one look at what was locked, one row of the
    /// pass over all, in turn.
    /// returns: how many jobs it let go or cancelled
    int64 step(core::Instant now, core::Micros most);
    /// The transaction of the last step failed: all of it is to be done again.
    void undo();
    /// When to go on, by the steady clock; in the past while there is more to do.
    core::Instant next() const;

  private:
    // A key (type key or sequence), or an end (type dependency).
    struct Item {
        core::BlockedOn type;
        core::EndId end;
        board::BoardName queue, key;
    };
    struct Retry {
        Item item;
        core::Instant at;
        core::Micros pause;
    };
    enum class Phase { none, keys, sequences, ends, batches };

    void look(const Item& item, core::Instant now);
    bool look_at_hints(core::Instant now);
    bool go_on_walking(core::Instant now);
    bool look_at_locked(core::Instant now);
    bool look_at_next(core::Instant now);
    void retry_later(const Item& item);
    void walk(EndWalk walk, core::Instant now);

    const bool takes_hints_;
    pg::Context context_;
    pg::ContextResource memory_;
    pg::Context scratch_;
    pg::vector<EndWalk> walks_;
    pg::vector<Retry> retries_;
    Phase phase_ = Phase::none;
    bool once_more_ = false;
    bool more_ = false;
    Item place_{};  // how far the pass over all has come
    core::Instant all_at_{core::kPlusInfinity};
    int64 released_ = 0;
};

}  // namespace foreman::store
