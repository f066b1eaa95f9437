// See runner.hpp.
#include "engine/runner.hpp"

#include "board/flight_recorder.hpp"
#include "board/my_slot.hpp"
#include "board/settings.hpp"
#include "engine/callable.hpp"
#include "engine/deadline.hpp"
#include "engine/projection.hpp"
#include "engine/session.hpp"
#include "engine/workflow/inbox.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/identity.hpp"
#include "pg/latch.hpp"
#include "pg/server_timeouts.hpp"
#include "pg/xact.hpp"
#include "store/db/schema.hpp"
#include "store/jobs/requests.hpp"

namespace foreman::engine {

namespace {

// A job that shares a transaction with others may take this long before it has to go on alone.
constexpr core::Micros kOverrun = core::milliseconds(50);

// Around a handler: the current job, its deadline, and cancel interrupts let through.
class Inside {
  public:
    Inside(const store::Job* job, int attempt, core::Micros timeout, const RunnerOptions& options)
        : in_executor_(options.in_executor) {
        prepare_deadline();
        store::CurrentJob& c = store::current_job();
        c.job = job;
        c.attempt = attempt;
        c.inside = true;
        c.wish.outcome = core::Outcome::completed;
        c.wish.reason_len = 0;
        begin_deadline(timeout, options.shared && options.in_executor ? kOverrun : pg::kForever,
                       core::milliseconds(settings::cancel_grace_ms));
        if (options.in_executor) release_cancel();
    }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    ~Inside() { leave(); }
    Rang leave() noexcept {
        if (!left_) {
            left_ = true;
            if (in_executor_) hold_cancel();
            // Asked first: what is still pending did not reach the handler.
            const bool pending = QueryCancelPending != 0;
            rang_ = end_deadline();
            if (in_executor_) rang_.meant_for = board::interrupt_target();
            rang_.felt = rang_.felt || (rang_.meant_for != 0 && !pending);
            store::current_job().inside = false;
            store::current_job().job = nullptr;
        }
        return rang_;
    }

  private:
    const bool in_executor_;
    bool left_ = false;
    Rang rang_;
};

std::string_view keep_text(std::string_view text, MemoryContext context) {
    return {pg::copy_text(text, context), text.size()};
}

const char* sqlstate_copy(int sqlstate, MemoryContext context) {
    return pg::copy_text(unpack_sql_state(sqlstate), context);
}

store::AttemptError error_of(const pg::Failure& f, int attempt, core::Instant at, MemoryContext context) {
    return {at,
            attempt,
            sqlstate_copy(f.sqlstate(), context),
            pg::copy_text(f.message(), context),
            pg::copy_text(f.detail(), context),
            pg::copy_text(f.hint(), context),
            ""};
}

// A handler that was interrupted came back as if nothing had happened: what it did is undone.
struct Swallowed {};

// Why a handler was interrupted; `fired` is what our own timer did; `error`: nullptr where the handler raised
// none.
Attempt classify_cancel(const pg::PgError* error, Fired fired, core::Micros timeout, const store::Job* job,
                        int attempt, MemoryContext group) {
    Attempt a;
    a.outcome = core::Outcome::failed;
    if (fired == Fired::overrun) {
        a.outcome = core::Outcome::try_alone;
    } else if (fired == Fired::timeout && ShutdownRequestPending) {
        a.outcome = core::Outcome::released;  // the grace of a shutdown is over: nobody's fault
    } else if (fired == Fired::timeout) {
        a.error = timeout_error(timeout, attempt, pg::clock_now(), group);
    } else if (job != nullptr && store::has_stop_request(job->job_id)) {
        a.outcome = core::Outcome::stopped;
    } else if (const int64 target = board::take_interrupt_target();
               target != 0 && (job == nullptr || target != job->job_id)) {
        a.outcome = core::Outcome::released;
    } else if (error != nullptr) {
        a.error = keep_error(*error, attempt, pg::clock_now(), group);
    } else {
        a.outcome = core::Outcome::released;  // a request that has been settled meanwhile
    }
    return a;
}

}  // namespace

store::AttemptError timeout_error(core::Micros timeout, int attempt, core::Instant at,
                                  MemoryContext context) {
    const pg::Failure f(ERRCODE_QUERY_CANCELED, "handler timed out after " INT64_FORMAT " ms",
                        timeout.us / 1000);
    return error_of(f, attempt, at, context);
}

core::Micros timeout_of(const store::Handler& handler, int64 job_timeout_us) noexcept {
    if (job_timeout_us >= 0) return core::Micros{job_timeout_us};
    if (handler.timeout_us >= 0) return core::Micros{handler.timeout_us};
    return pg::kForever;
}

void hold_cancel() noexcept { QueryCancelHoldoffCount = 1; }

void release_cancel() noexcept { QueryCancelHoldoffCount = 0; }

void forget_cancel() noexcept {
    QueryCancelPending = 0;
    (void)board::take_interrupt_target();
}

store::AttemptError keep_error(const pg::PgError& e, int attempt, core::Instant at, MemoryContext context) {
    return {at,
            attempt,
            sqlstate_copy(e.sqlstate(), context),
            pg::copy_text(e.message(), context),
            pg::copy_text(e.detail(), context),
            pg::copy_text(e.hint(), context),
            pg::copy_text(e.context(), context)};
}

namespace {

// What `body` does for the handler, inside the subtransaction; the rest is the same for a job and a batch.
// For the server's timeouts the call of a handler is one statement, as `SELECT handler(...)` of a client.
template <class Body>
Attempt run_guarded(const store::Handler& handler, const store::Job* job, int attempt, int64 timeout_us,
                    const RunnerOptions& options, MemoryContext group, core::Instant started, Body body) {
    Attempt a;
    a.started_at = started;
    const core::Micros timeout = timeout_of(handler, timeout_us);
    Rang rang;
    if (options.in_executor) note_handler();
    try {
        pg::Subtransaction sub;
        // What a workflow decides, and how far a projection has come, is written by the engine.
        if (options.in_executor && handler.shape != store::Shape::workflow &&
            !store::is_projection(handler.shape))
            sub.follow_read_only_default();
        {
            const pg::GucScope settings_scope;
            const pg::ActiveSnapshot snapshot;
            Inside inside(job, attempt, timeout, options);
            try {
                body(&a);
            } catch (...) {
                rang = inside.leave();
                throw;
            }
            rang = inside.leave();
        }
        if (rang.felt && !(job != nullptr && rang.only_cancels(job->job_id))) throw Swallowed{};
        sub.commit();
        const store::Wish& wish = store::current_job().wish;
        a.outcome = wish.outcome;
        a.run_in = wish.run_in;
        if (wish.reason_len > 0) a.reason = keep_text(wish.text(), group);
        return a;
    } catch (const pg::PgError& e) {
        if (options.in_executor) hold_cancel();
        if (!options.in_executor && e.sqlstate() == ERRCODE_QUERY_CANCELED && rang.fired == Fired::nothing)
            throw;
        Attempt failed;
        if (rang.anything() || e.sqlstate() == ERRCODE_QUERY_CANCELED) {
            failed = classify_cancel(&e, rang.fired, timeout, job, attempt, group);
        } else {
            failed.outcome = core::Outcome::failed;
            failed.error = keep_error(e, attempt, pg::clock_now(), group);
        }
        // A shutdown ends the programs that a handler started, and whatever fails then is nobody's fault.
        if (options.in_executor && ShutdownRequestPending) failed.outcome = core::Outcome::released;
        if (options.in_executor && is_failure_of_session(e.sqlstate())) {
            failed.outcome = core::Outcome::released;
            renew_session();
        }
        failed.started_at = a.started_at;
        return failed;
    } catch (const Swallowed&) {
        if (options.in_executor) hold_cancel();
        Attempt failed = classify_cancel(nullptr, rang.fired, timeout, job, attempt, group);
        failed.started_at = a.started_at;
        return failed;
    } catch (const pg::Failure& f) {
        Attempt failed;
        failed.outcome = core::Outcome::failed;
        failed.started_at = a.started_at;
        failed.error = error_of(f, attempt, pg::clock_now(), group);
        return failed;
    }
}

}  // namespace

Attempt run_job(const store::Handler& handler, const store::Job& job, const RunnerOptions& options,
                MemoryContext group) {
    const int attempt = job.attempt + 1;
    if (options.in_executor) forget_cancel();
    const core::Instant started = pg::clock_now();
    board::slot_begin_job(job.job_id, job.kind, job.queue, attempt, started);
    Attempt a =
        run_guarded(handler, &job, attempt, job.timeout_us, options, group, started, [&](Attempt* out) {
            if (handler.shape == store::Shape::workflow) {
                engine::run_workflow_job(job);
                return;
            }
            if (store::is_projection(handler.shape)) {
                engine::run_projection_job(handler, job, options.in_executor);
                return;
            }
            Callable& c = callable_for(handler);
            const pg::HandlerTimers timers(options.in_executor, c.function.statement_ms());
            out->result = call_handler(c, job, attempt, group);
        });
    board::slot_end_job();
    return a;
}

Attempt run_batch(const store::Handler& handler, std::span<const store::Job> jobs,
                  const RunnerOptions& options, MemoryContext group,
                  pg::vector<store::BatchOutcome>* outcomes) {
    const store::Job& first = jobs.front();
    int64 timeout_us = -1;
    for (const store::Job& j : jobs) {
        if (j.timeout_us >= 0 && (timeout_us < 0 || j.timeout_us < timeout_us)) timeout_us = j.timeout_us;
    }
    if (options.in_executor) forget_cancel();
    const core::Instant started = pg::clock_now();
    board::slot_begin_job(first.job_id, first.kind, first.queue, first.attempt + 1, started);
    for (const store::Job& j : jobs.subspan(1)) board::record_beside(board::my_slot_number(), j.job_id);
    Attempt a = run_guarded(
        handler, jobs.size() == 1 ? &first : nullptr, first.attempt + 1, timeout_us, options, group, started,
        [&](Attempt*) {
            Callable& c = callable_for(handler);
            const pg::HandlerTimers timers(options.in_executor, c.function.statement_ms());
            const Datum array = jobs_datum(jobs);
            store::current_job().job = nullptr;
            if (c.function.returns_set()) {
                store::call_batch(handler.function, array, store::schema().job_array_type, group, outcomes);
            } else {
                call_void_batch(c, array);
            }
        });
    board::slot_end_job();
    return a;
}

}  // namespace foreman::engine
