// See settle.hpp.
#include "store/jobs/settle.hpp"

#include "pg/datum.hpp"
#include "store/commit/remember.hpp"
#include "store/db/clock.hpp"
#include "store/jobs/control.hpp"
#include "store/jobs/ended.hpp"
#include "store/jobs/leases.hpp"
#include "store/jobs/requests.hpp"

namespace foreman::store {

namespace {

Settled end_job(const Job& job, core::Next next, int attempt, const Report& r, std::string_view reason,
                std::optional<Datum> errors) {
    const Ended e{&job, next, static_cast<int16>(attempt), r.started_at, now(), r.result, reason, errors};
    record_ended({&e, 1});
    return next == core::Next::complete  ? Settled::completed
           : next == core::Next::discard ? Settled::discarded
                                         : Settled::cancelled;
}

Settled put_back_or_obey(const Job& job, int attempt, Instant run_at, std::optional<Datum> errors,
                         const Report& report, MemoryContext context, Settled otherwise) {
    const Request r = take_request(job.job_id, context);
    if (r.action == RequestAction::cancel)
        return end_job(job, core::Next::cancel, job.attempt + 1, report, r.reason, errors);
    if (r.action == RequestAction::remove) {
        delete_taken(job);
        return Settled::deleted;
    }
    Job moved = job;
    if (r.priority) moved.priority = *r.priority;
    put_back(moved, static_cast<int16>(attempt), job.alone, r.run_at.value_or(run_at), errors);
    return otherwise;
}

}  // namespace

core::Verdict decide_for(const Handler& handler, const Job& job, core::AttemptEnd end) {
    if (end.outcome == core::Outcome::completed)  // needs no policy: most jobs
        return core::decide({job.attempt, job.max_attempts}, end, {}, 0);
    const core::BackoffPolicy policy = backoff_for(handler, find_queue(job.queue));
    return core::decide({job.attempt, job.max_attempts}, end, policy, pg_prng_uint64(&pg_global_prng_state));
}

core::Micros throttle(const Job& job) {
    const core::ThrottlePolicy& policy = find_queue(job.queue).throttle;
    const Instant at = now();
    remember_throttle(job.queue, policy, at);
    return core::cool_down(policy, read_cooling(MyDatabaseId, job.queue), at).until - at;
}

Settled settle(const Job& job, const Report& report, MemoryContext context) {
    if (report.broken_off && runs_once(job)) {
        const AttemptError error{now(), job.attempt + 1, "57P01", kServerRestarted, "", "", ""};
        return end_job(job, core::Next::discard, job.attempt + 1, report, kServerRestarted,
                       append_error(job.errors, error, context));
    }
    if (report.uncharged)
        return put_back_or_obey(job, job.attempt, job.run_at, job.errors, report, context, Settled::released);
    core::Micros run_in = report.run_in;
    if (report.outcome == core::Outcome::throttled) run_in = throttle(job);
    const core::Verdict v =
        decide_for(find_handler(job.kind, job.queue), job, {report.outcome, run_in, false});
    std::optional<Datum> errors = job.errors;
    const char* message = nullptr;
    if (v.record_error) {
        const AttemptError plain{
            now(), job.attempt + 1,
            "",    report.reason.empty() ? "discarded by its handler" : report.reason.data(),
            "",    "",
            ""};
        const AttemptError& error = report.error ? *report.error : plain;
        message = error.message;
        errors = append_error(job.errors, error, context);
    }
    if (v.next == core::Next::retry) {
        const core::Micros delay =
            report.outcome == core::Outcome::failed && report.retry_in ? *report.retry_in : v.delay;
        return put_back_or_obey(job, v.attempt, now() + delay, errors, report, context, Settled::retryable);
    }
    std::string_view reason = report.reason;
    if (reason.empty() && v.next == core::Next::discard && message != nullptr) reason = message;
    return end_job(job, v.next, v.attempt, report, reason, errors);
}

void release_all_leases() {
    pg::Context context("foreman copied leases", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<TokenPair> pairs(&memory);
    all_leases(&pairs);
    pg::vector<LeasedJob> jobs(&memory);
    take_leases({pairs.data(), pairs.size()}, context.get(), &jobs);
    Report uncharged;
    uncharged.uncharged = true;
    for (const LeasedJob& l : jobs) settle(l.job, uncharged, context.get());
}

}  // namespace foreman::store
