// See group.hpp.
#include "engine/group.hpp"

#include <algorithm>

#include "board/my_slot.hpp"
#include "board/settings.hpp"
#include "engine/session.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/xact.hpp"
#include "store/commit/remember.hpp"
#include "store/db/clock.hpp"
#include "store/jobs/control.hpp"
#include "store/jobs/requests.hpp"
#include "store/jobs/settle.hpp"

namespace foreman::engine {

namespace {

// A chunk was sized for 5 ms; past this its rest goes back, so that slow jobs do not wait behind one another.
constexpr core::Micros kChunkLimit = core::milliseconds(50);

}  // namespace

Group::Group(MemoryContext context, bool in_executor)
    : context_(context),
      memory_(context),
      scratch_("foreman job", context),
      in_executor_(in_executor),
      jobs_(&memory_),
      settlement_(context),
      waiting_(&memory_) {
    jobs_.reserve(core::kMaxGroupJobs + core::kMaxChunk);
    settlement_.reserve(core::kMaxGroupJobs + core::kMaxChunk);
}

void Group::run(const store::Handler& handler, bool shared) {
    const std::size_t first = done_;
    for (std::size_t i = first; i < jobs_.size(); i++)
        least_timeout_ = std::min(least_timeout_, timeout_of(handler, jobs_[i].timeout_us));
    if (handler.lane == store::Lane::batch) {
        run_batch(handler, first, shared);
    } else {
        run_transactional(handler, first, shared);
    }
    done_ = jobs_.size();
}

void Group::note_put_back(const store::Job& job) {
    gave_back_ = true;
    if (!job.sequence_key.empty()) waiting_.push_back(&job);
}

bool Group::skip_before_start(const store::Job& job) {
    const std::optional<core::Next> next = settlement_.settle_before_start(job);
    if (next == core::Next::release) note_put_back(job);
    return next.has_value();
}

// A sequence stops at the first of its jobs that goes back; the rows of the others are as they were.
bool Group::is_behind_one_that_waits(const store::Job& job) const {
    return !job.sequence_key.empty() &&
           std::any_of(waiting_.begin(), waiting_.end(), [&job](const store::Job* w) {
               return w->sequence_key == job.sequence_key && w->queue == job.queue;
           });
}

bool Group::must_stop_chunk(core::Instant started) const {
    if (!in_executor_) return false;
    return must_end_ || must_renew_session() || board::should_leave() != 0 || ShutdownRequestPending ||
           pg::clock_now() - started > kChunkLimit || pg::subtransaction_ids() >= core::kMaxGroupSubxids;
}

void Group::run_transactional(const store::Handler& handler, std::size_t first, bool shared) {
    const RunnerOptions options{shared && in_executor_, in_executor_};
    const core::Instant started = pg::clock_now();
    for (std::size_t i = first; i < jobs_.size(); i++) {
        const store::Job& job = jobs_[i];
        if (i > first && must_stop_chunk(started)) {
            if (!job.held) store::put_back(job, job.attempt, job.alone, job.run_at, job.errors);
            must_end_ = true;
            unstarted_++;
            continue;
        }
        if (is_behind_one_that_waits(job) || skip_before_start(job)) continue;
        store::Attempt a;
        {
            const pg::CurrentScope scope(scratch_);
            a = run_job(handler, job, options, context_);
        }
        scratch_.reset();
        ran_++;
        settle(job, a, options.shared);
    }
}

void Group::run_batch(const store::Handler& handler, std::size_t first, bool shared) {
    const RunnerOptions options{shared && in_executor_, in_executor_};
    // Those that must not start leave the batch first.
    pg::vector<store::Job> batch(&memory_);
    pg::vector<std::size_t> index(&memory_);
    for (std::size_t i = first; i < jobs_.size(); i++) {
        if (is_behind_one_that_waits(jobs_[i]) || skip_before_start(jobs_[i])) continue;
        batch.push_back(jobs_[i]);
        index.push_back(i);
    }
    if (batch.empty()) return;
    pg::vector<store::BatchOutcome> outcomes(&memory_);
    store::Attempt whole;
    {
        const pg::CurrentScope scope(scratch_);
        whole = engine::run_batch(handler, {batch.data(), batch.size()}, options, context_, &outcomes);
    }
    scratch_.reset();
    ran_ += static_cast<int>(batch.size());
    const bool several = batch.size() > 1;
    for (const std::size_t i : index) {
        store::Attempt a = whole;
        if (whole.outcome != core::Outcome::completed) {
            settle(jobs_[i], a, several && in_executor_);
            continue;
        }
        for (const store::BatchOutcome& o : outcomes) {
            if (o.job_id == jobs_[i].job_id) a = o.attempt;
        }
        a.started_at = whole.started_at;
        settle(jobs_[i], a, false);
    }
}

// What fails in a transaction that it shares has to fail alone to count.
void Group::settle(const store::Job& job, store::Attempt& a, bool shared) {
    if (a.outcome == core::Outcome::failed && shared) a.outcome = core::Outcome::try_alone;
    const bool failed = a.outcome == core::Outcome::failed;
    a.alone_next = failed || a.outcome == core::Outcome::try_alone;
    const core::Next next = settlement_.settle(job, a);
    if (next == core::Next::retry || next == core::Next::release) note_put_back(job);
    if (core::is_own_end(a.outcome)) attempts_++;
    throttled_ = throttled_ || a.outcome == core::Outcome::throttled;
    if (failed || next == core::Next::discard || a.outcome == core::Outcome::throttled)
        must_end_ = must_end_ || in_executor_;
}

void Group::finish() { settlement_.finish(); }

}  // namespace foreman::engine
