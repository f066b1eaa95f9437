// A group: the jobs that one transaction runs and commits together, and what becomes of each.
// Used by the executor and by run_once(), which bring the transaction; Group claims nothing and commits
// nothing. Invariant: after finish() every job handed in is in exactly one place again: history, dead
// letters, put back, or deleted.
#pragma once

#include <utility>

#include "core/group_pace.hpp"
#include "engine/runner.hpp"
#include "pg/latch.hpp"
#include "pg/memory.hpp"
#include "store/jobs/jobs.hpp"
#include "store/jobs/settle.hpp"

namespace foreman::engine {

class Group {
  public:
    /// in_executor: failures of a shared transaction send the job back to run alone; elsewhere they count at
    /// once.
    Group(MemoryContext context, bool in_executor);
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;

    /// Room for claimed jobs; they stay in place. The jobs of one chunk are those appended since the last
    /// run().
    pg::vector<store::Job>& jobs() noexcept { return jobs_; }
    /// does: runs the jobs appended since the last call, in order. shared: whether others are, or may come,
    ///     in the transaction
    void run(const store::Handler& handler, bool shared);
    /// does: writes what became of all jobs.
    /// needs: the transaction still open
    void finish();
    /// No further job may join: a failure was charged, or the executor is asked to leave.
    bool must_end() const noexcept { return must_end_; }
    int ran() const noexcept { return ran_; }
    /// How many claimed jobs went back before they started, since the last call.
    int take_unstarted() noexcept { return std::exchange(unstarted_, 0); }
    /// The least timeout of the jobs that ran; kForever: none has one.
    core::Micros least_timeout() const noexcept { return least_timeout_; }
    /// Whether a job waits again.
    bool gave_back() const noexcept { return gave_back_; }
    /// Whether a job met somebody's limit: its queue cools down from the commit on.
    bool throttled() const noexcept { return throttled_; }
    /// Jobs whose attempt came to an end of its own (run_once counts them).
    int64 attempts() const noexcept { return attempts_; }

  private:
    void run_transactional(const store::Handler& handler, std::size_t first, bool shared);
    void run_batch(const store::Handler& handler, std::size_t first, bool shared);
    bool skip_before_start(const store::Job& job);
    void note_put_back(const store::Job& job);
    bool is_behind_one_that_waits(const store::Job& job) const;
    bool must_stop_chunk(core::Instant started) const;
    void settle(const store::Job& job, store::Attempt& attempt, bool shared);

    MemoryContext context_;
    pg::ContextResource memory_;
    pg::Context scratch_;  // of one job
    bool in_executor_;
    bool must_end_ = false;
    bool gave_back_ = false;
    bool throttled_ = false;
    int ran_ = 0;
    int unstarted_ = 0;
    core::Micros least_timeout_ = pg::kForever;
    int64 attempts_ = 0;
    std::size_t done_ = 0;  // jobs_ before this have been run
    pg::vector<store::Job> jobs_;
    store::Settlement settlement_;
    pg::vector<const store::Job*> waiting_;  // jobs of sequences that went back
};

}  // namespace foreman::engine
