// See group.hpp.
#include "engine/group.hpp"

#include <algorithm>

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

namespace foreman::worker {

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
      ended_(&memory_),
      waiting_(&memory_) {
    jobs_.reserve(core::kMaxGroupJobs + core::kMaxChunk);
    ended_.reserve(core::kMaxGroupJobs + core::kMaxChunk);
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

// Cancelled, deleted, moved or expired before it started.
bool Group::skip_before_start(const store::Job& job) {
    const core::Instant now = store::now();
    if (job.expires_at && *job.expires_at <= now) {
        Attempt none;
        add_ended(job, core::Next::cancel, job.attempt, none, "expired", job.errors);
        ended_.back().started_at.reset();
        return true;
    }
    if (!store::requests_open()) return false;
    const store::Request r = store::take_request(job.job_id, context_);
    if (r.action == store::RequestAction::cancel) {
        Attempt none;
        none.end = End::stopped;
        add_ended(job, core::Next::cancel, job.attempt, none, r.reason, job.errors);
        ended_.back().started_at.reset();
    } else if (r.action == store::RequestAction::remove) {
        store::delete_taken(job);
    } else if (r.action == store::RequestAction::reschedule) {
        store::Job moved = job;
        if (r.priority) moved.priority = *r.priority;
        gave_back_ = true;
        if (!job.sequence_key.empty()) waiting_.push_back(&job);
        store::put_back(moved, job.attempt, job.alone, r.run_at.value_or(job.run_at), job.errors);
    }
    return r.action != store::RequestAction::none;
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
    return must_end_ || must_renew_session() || store::should_leave(started) != 0 || ShutdownRequestPending ||
           pg::clock_now() - started > kChunkLimit || pg::subtransaction_ids() >= core::kMaxGroupSubxids;
}

void Group::run_transactional(const store::Handler& handler, std::size_t first, bool shared) {
    const RunnerOptions options{shared && in_executor_, in_executor_, {}};
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
        Attempt a;
        {
            const pg::CurrentScope scope(scratch_);
            a = run_job(handler, job, options, context_);
        }
        scratch_.reset();
        ran_++;
        settle(handler, job, a, options.shared);
    }
}

void Group::run_batch(const store::Handler& handler, std::size_t first, bool shared) {
    const RunnerOptions options{shared && in_executor_, in_executor_, {}};
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
    Attempt whole;
    {
        const pg::CurrentScope scope(scratch_);
        whole = worker::run_batch(handler, {batch.data(), batch.size()}, options, context_, &outcomes);
    }
    scratch_.reset();
    ran_ += static_cast<int>(batch.size());
    const bool several = batch.size() > 1;
    for (const std::size_t i : index) {
        Attempt a = whole;
        if (whole.end == End::ran && whole.outcome == core::Outcome::completed) {
            for (const store::BatchOutcome& o : outcomes) {
                if (o.job_id != jobs_[i].job_id) continue;
                a.outcome = o.outcome;
                a.result = o.result;
                a.run_in = o.run_in;
                a.reason = o.error;
                if (o.outcome == core::Outcome::failed) {
                    const char* text = o.error.empty() ? "failed by its handler" : o.error.data();
                    a.error =
                        store::AttemptError{pg::clock_now(), jobs_[i].attempt + 1, "", text, "", "", ""};
                }
            }
            settle(handler, jobs_[i], a, false);
        } else {
            settle(handler, jobs_[i], a, several && in_executor_);
        }
    }
}

void Group::settle(const store::Handler& handler, const store::Job& job, Attempt& a, bool shared) {
    switch (a.end) {
        case End::ran:
            if (a.outcome == core::Outcome::failed && shared) {
                put_back_unless_requested(job, job.attempt, 1, job.run_at, job.errors);
            } else {
                settle_ran(handler, job, a);
            }
            break;
        case End::overran:
            put_back_unless_requested(job, job.attempt, 1, job.run_at, job.errors);
            break;
        case End::stray:
            put_back_unless_requested(job, job.attempt, job.alone, job.run_at, job.errors);
            break;
        case End::stopped:
            put_back_unless_requested(job, job.attempt, job.alone, job.run_at, job.errors);
            break;
        case End::spoiled:
            break;
    }
}

void Group::settle_ran(const store::Handler& handler, const store::Job& job, Attempt& a) {
    attempts_++;
    if (a.outcome == core::Outcome::throttled) {
        a.run_in = store::throttle(job);
        throttled_ = true;
        must_end_ = must_end_ || in_executor_;
    }
    const core::Verdict v = store::decide_for(handler, job, {a.outcome, a.run_in, false});
    std::optional<Datum> errors = job.errors;
    if (v.record_error) {
        if (!a.error)
            a.error = store::AttemptError{store::now(),
                                          job.attempt + 1,
                                          "",
                                          a.reason.empty() ? "discarded by its handler" : a.reason.data(),
                                          "",
                                          "",
                                          ""};
        errors = store::append_error(job.errors, *a.error, context_);
    }
    if (v.next == core::Next::retry) {
        const bool charged = v.attempt > job.attempt;
        if (charged) must_end_ = must_end_ || in_executor_;
        put_back_unless_requested(job, static_cast<int16>(v.attempt), charged ? int16{1} : job.alone,
                                  store::now() + v.delay, errors);
        return;
    }
    std::string_view reason = a.reason;
    if (reason.empty() && v.next == core::Next::discard && a.error) reason = a.error->message;
    if (v.next == core::Next::discard) must_end_ = must_end_ || in_executor_;
    add_ended(job, v.next, v.attempt, a, reason, errors);
}

void Group::put_back_unless_requested(const store::Job& job, int16 attempt, int16 alone, core::Instant run_at,
                                      std::optional<Datum> errors) {
    gave_back_ = true;
    if (!job.sequence_key.empty()) waiting_.push_back(&job);
    store::Request r{};
    if (store::requests_open()) r = store::take_request(job.job_id, context_);
    if (r.action == store::RequestAction::cancel) {
        Attempt none;
        none.started_at = store::now();
        add_ended(job, core::Next::cancel, std::max<int>(attempt, job.attempt + 1), none, r.reason, errors);
    } else if (r.action == store::RequestAction::remove) {
        store::delete_taken(job);
    } else if (r.action == store::RequestAction::reschedule) {
        store::Job moved = job;
        if (r.priority) moved.priority = *r.priority;
        store::put_back(moved, attempt, alone, r.run_at.value_or(run_at), errors);
    } else {
        store::put_back(job, attempt, alone, run_at, errors);
    }
}

void Group::add_ended(const store::Job& job, core::Next next, int attempt, const Attempt& a,
                      std::string_view reason, std::optional<Datum> errors) {
    store::Ended e{&job,   next,  static_cast<int16>(attempt), a.started_at, store::now(), a.result,
                   reason, errors};
    ended_.push_back(e);
}

void Group::finish() { store::record_ended({ended_.data(), ended_.size()}); }

}  // namespace foreman::worker
