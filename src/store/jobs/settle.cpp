// See settle.hpp.
#include "store/jobs/settle.hpp"

#include "pg/datum.hpp"
#include "store/commit/remember.hpp"
#include "store/db/clock.hpp"
#include "store/jobs/control.hpp"
#include "store/jobs/ended.hpp"
#include "store/jobs/leases.hpp"

namespace foreman::store {

namespace {

core::Verdict decide_for(const Job& job, core::Outcome outcome, core::Micros run_in) {
    const core::JobCounters counters{job.attempt, job.max_attempts};
    const core::AttemptEnd end{outcome, run_in, false};
    if (outcome != core::Outcome::failed) return core::decide(counters, end, {}, 0);
    const core::BackoffPolicy policy = backoff_for(find_handler(job.kind, job.queue), find_queue(job.queue));
    return core::decide(counters, end, policy, pg_prng_uint64(&pg_global_prng_state));
}

// The job met somebody's limit: its queue cools down from the commit on. Answers when the job runs again, from now.
core::Micros throttle(const Job& job) {
    const core::ThrottlePolicy& policy = find_queue(job.queue).throttle;
    const core::Instant at = now();
    remember_throttle(job.queue, policy, at);
    return core::cool_down(policy, board::read_cooling(MyDatabaseId, job.queue), at).until - at;
}

// Of handlers and workers that failed or refused a job without an error.
AttemptError plain_error(const Job& job, const Attempt& a) {
    const char* text = !a.reason.empty()                       ? a.reason.data()
                       : a.outcome == core::Outcome::discarded ? "discarded by its handler"
                                                               : "failed by its handler";
    return {now(), job.attempt + 1, "", text, "", "", ""};
}

}  // namespace

Settlement::Settlement(MemoryContext context) : context_(context), memory_(context), ended_(&memory_) {}

void Settlement::end(const Job& job, core::Next next, int attempt, std::optional<core::Instant> started_at,
                     std::optional<Datum> result, std::string_view reason, std::optional<Datum> errors) {
    ended_.push_back({&job, next, static_cast<int16>(attempt), started_at, now(), result, reason, errors});
}

core::Next Settlement::settle(const Job& job, const Attempt& a) {
    if (a.outcome == core::Outcome::broken_off && runs_once(job)) return settle_broken_off(job, a);
    const core::Micros run_in = a.outcome == core::Outcome::throttled ? throttle(job) : a.run_in;
    const core::Verdict v = decide_for(job, a.outcome, run_in);
    std::optional<Datum> errors = job.errors;
    std::string_view reason = a.reason;
    if (v.record_error) {
        const AttemptError error = a.error ? *a.error : plain_error(job, a);
        errors = append_error(job.errors, error, context_);
        if (reason.empty() && v.next == core::Next::discard) reason = error.message;
    }
    const auto alone = static_cast<int16>(job.alone | (a.alone_next ? board::kAlone : 0));
    if (v.next == core::Next::release)
        return put_back_unless_asked(job, a, {v.attempt, alone, job.run_at, errors}, v.next);
    if (v.next == core::Next::retry) {
        const core::Micros delay = a.outcome == core::Outcome::failed && a.retry_in ? *a.retry_in : v.delay;
        return put_back_unless_asked(job, a, {v.attempt, alone, now() + delay, errors}, v.next);
    }
    // How far a projection has come stands in its own rows: a row of history for each commit tells nothing more.
    if (v.next == core::Next::complete && job.origin == core::Origin::projection) {
        delete_taken(job);
        return core::Next::remove;
    }
    end(job, v.next, v.attempt, a.started_at, a.result, reason, errors);
    return v.next;
}

std::optional<core::Next> Settlement::settle_before_start(const Job& job) {
    if (job.expires_at && *job.expires_at <= now()) {
        Attempt none;
        none.outcome = core::Outcome::expired;
        none.reason = "expired";
        return settle(job, none);
    }
    if (!requests_open()) return std::nullopt;
    const Request r = take_request(job.job_id, context_);
    switch (r.action) {
        case core::RequestAction::none:
            return std::nullopt;
        case core::RequestAction::cancel:
        case core::RequestAction::cancel_at_end:
            end(job, core::Next::cancel, job.attempt, std::nullopt, std::nullopt, r.reason, job.errors);
            return core::Next::cancel;
        case core::RequestAction::remove:
            delete_taken(job);
            return core::Next::remove;
        case core::RequestAction::reschedule:
            break;
    }
    return put_back_or_move(job, r, {job.attempt, job.alone, job.run_at, job.errors}, core::Next::release);
}

// It had begun, and must not begin again.
core::Next Settlement::settle_broken_off(const Job& job, const Attempt& a) {
    const AttemptError error{now(), job.attempt + 1, "57P01", kServerRestarted, "", "", ""};
    end(job, core::Next::discard, job.attempt + 1, a.started_at, std::nullopt, kServerRestarted,
        append_error(job.errors, error, context_));
    return core::Next::discard;
}

core::Next Settlement::put_back_unless_asked(const Job& job, const Attempt& a, const Again& again,
                                             core::Next otherwise) {
    Request r{};
    if (requests_open()) r = take_request(job.job_id, context_);
    if (r.action == core::RequestAction::cancel) {
        end(job, core::Next::cancel, job.attempt + 1, a.started_at, std::nullopt, r.reason, again.errors);
        return core::Next::cancel;
    }
    if (r.action == core::RequestAction::remove) {
        delete_taken(job);
        return core::Next::remove;
    }
    return put_back_or_move(job, r, again, otherwise);
}

core::Next Settlement::put_back_or_move(const Job& job, const Request& r, const Again& again,
                                        core::Next answer) {
    Job moved = job;
    if (r.priority) moved.priority = *r.priority;
    put_back(moved, static_cast<int16>(again.attempt), again.alone, r.run_at.value_or(again.run_at),
             again.errors);
    return answer;
}

void Settlement::finish() {
    record_ended({ended_.data(), ended_.size()});
    ended_.clear();
}

core::Next settle(const Job& job, const Attempt& attempt, MemoryContext context) {
    Settlement one(context);
    const core::Next next = one.settle(job, attempt);
    one.finish();
    return next;
}

void release_all_leases() {
    pg::Context context("foreman copied leases", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<TokenPair> pairs(&memory);
    all_leases(&pairs);
    pg::vector<LeasedJob> jobs(&memory);
    take_leases({pairs.data(), pairs.size()}, context.get(), &jobs);
    Attempt released;
    released.outcome = core::Outcome::released;
    for (const LeasedJob& l : jobs) settle(l.job, released, context.get());
}

}  // namespace foreman::store
