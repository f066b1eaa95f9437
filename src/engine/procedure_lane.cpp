// See procedure_lane.hpp.
#include "engine/procedure_lane.hpp"

#include "board/my_slot.hpp"
#include "board/permits.hpp"
#include "board/queue_limits.hpp"
#include "board/settings.hpp"
#include "engine/callable.hpp"
#include "engine/deadline.hpp"
#include "engine/elsewhere.hpp"
#include "engine/group.hpp"
#include "engine/runner.hpp"
#include "engine/session.hpp"
#include "pg/call.hpp"
#include "pg/command.hpp"
#include "pg/datum.hpp"
#include "pg/latch.hpp"
#include "pg/memory.hpp"
#include "pg/server_timeouts.hpp"
#include "pg/xact.hpp"
#include "store/commit/remember.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/jobs/control.hpp"
#include "store/jobs/handler_sql.hpp"
#include "store/jobs/intake.hpp"
#include "store/jobs/job_value.hpp"
#include "store/jobs/key_gate.hpp"
#include "store/jobs/settle.hpp"
#include "store/schedules/cron_settings.hpp"
#include "store/schedules/fire.hpp"

namespace foreman::engine {

namespace {

struct Leased {
    store::Job job;
    pg::UuidBytes token;
};

// The first job of the range whose keys are free, for the one place; those before it are parked.
bool lease_keyed(const store::RangeSpec& range, board::RangeRef ref, core::Key from, MemoryContext context,
                 Leased* out) {
    pg::ContextResource memory(context);
    pg::vector<store::Job> jobs(&memory);
    for (;;) {
        store::claim_held(range, from, store::now(), 1, context, &jobs);
        if (jobs.empty()) return false;
        from = jobs[0].key();
        from.job_id++;
        board::note_room(ref, store::pass_gate(&jobs, 0, board::Running::at_once));
        if (!jobs.empty()) break;
    }
    out->job = jobs[0];
    out->job.held = false;  // the lease holds it from here on
    store::lease_held(out->job.job_id, &out->token);
    return true;
}

bool lease(const board::RangeChoice& choice, core::Key from, MemoryContext context, Leased* out) {
    pg::Transaction tx;
    const store::RangeSpec range{choice.queue_name(), choice.kind_name(), choice.priority, choice.alone};
    const uint32 queue =
        choice.ref.valid() ? board::queue_entry_of(choice.ref) : board::queue_entry_of(choice.queue_name());
    store::Intake intake(queue, choice.queue_name(), 1, board::Running::at_once, store::now());
    if (intake.places() == 0) return false;
    bool got = false;
    if (board::is_keyed(choice.alone)) {
        got = lease_keyed(range, choice.ref, from, context, out);
    } else {
        got = store::claim_by_lease(range, from, store::now(), context, &out->job, &out->token);
    }
    intake.claimed(got ? 1 : 0);
    tx.commit();
    return got;
}

// What the last statement of the command said is kept as the job's result.
Datum run_scheduled(const store::Job& job, MemoryContext context) {
    store::ScheduledCommand command{};
    {
        pg::Transaction tx;
        command = store::command_of(job, GetSessionUserId(), context);
        tx.commit();
    }
    const bool say = command.cron_job != 0 && settings::cron_log_statement;
    if (say) pg::log(LOG, "cron job " INT64_FORMAT " starting: %s", command.cron_job, command.text);
    if (command.cron_job != 0) {
        const char* text = command.text;
        pg::guarded([text] { pgstat_report_activity(STATE_RUNNING, text); });
    }
    pg::CommandTagText tag;
    if (command.database == nullptr) {
        pg::run_command(command.text, &tag);
    } else {
        run_elsewhere(command, &tag);
    }
    if (say) pg::log(LOG, "cron job " INT64_FORMAT " completed: %s", command.cron_job, tag.text);
    char json[sizeof(tag.text) + 2];
    std::snprintf(json, sizeof(json), "\"%s\"", tag.text);
    return pg::jsonb_from_text(json, context);
}

std::optional<Datum> call(const store::Handler& handler, const store::Job& job, int attempt,
                          MemoryContext context) {
    if (handler.shape == store::Shape::scheduled) return run_scheduled(job, context);
    if (handler.shape == store::Shape::command) {
        pg::run_command(handler.command);
        return std::nullopt;
    }
    Oid type = JSONBOID;
    Datum argument = job.args;
    int statement_ms = pg::kSessionTimeout;
    {
        pg::Transaction tx(context);
        const Callable& c = callable_for(handler);
        statement_ms = c.function.statement_ms();
        if (c.shape == store::Shape::job) {
            argument = store::job_datum(job, attempt);
            type = store::schema().job_type;
        }
        tx.commit();
    }
    store::call_procedure(handler.function, type, argument, statement_ms);
    return std::nullopt;
}

// The engine's own mark decides what an interrupt meant, whatever the handler made of the error that it
// raised.
void judge_interrupt(Attempt* a, const Rang& rang, const store::Job& job, int attempt, core::Micros timeout,
                     MemoryContext context) {
    const bool failed = a->error.has_value();
    if (failed ? !rang.anything() : !rang.felt || rang.only_cancels(job.job_id)) return;
    a->outcome = core::Outcome::failed;
    a->result = std::nullopt;
    if (rang.fired == Fired::timeout && ShutdownRequestPending) {
        a->outcome = core::Outcome::released;  // the grace of a shutdown is over: nobody's fault
    } else if (rang.fired == Fired::timeout) {
        a->error = timeout_error(timeout, attempt, pg::clock_now(), context);
    } else {
        a->outcome = rang.meant_for == job.job_id ? core::Outcome::stopped : core::Outcome::released;
    }
}

// What the handler left as its outcome, or its error.
Attempt run(const store::Handler& handler, const Leased& leased, MemoryContext context, bool in_executor) {
    const store::Job& job = leased.job;
    const int attempt = job.attempt + 1;
    prepare_deadline();
    Attempt a;
    a.started_at = pg::clock_now();
    store::CurrentJob& current = store::current_job();
    current.job = &job;
    current.attempt = attempt;
    current.inside = true;
    current.wish = {};
    const core::Micros timeout = job.timeout_us >= 0       ? core::Micros{job.timeout_us}
                                 : handler.timeout_us >= 0 ? core::Micros{handler.timeout_us}
                                                           : pg::kForever;
    begin_deadline(timeout, pg::kForever, core::milliseconds(settings::cancel_grace_ms));
    if (in_executor) {
        note_handler();
        if (handler.new_session) renew_session();  // after this one
        release_cancel();
    }
    Rang rang;
    // Asked first: what is still pending did not reach the handler.
    const auto leave = [&] {
        const bool pending = QueryCancelPending != 0;
        rang = end_deadline();
        if (in_executor) rang.meant_for = board::take_interrupt_target();
        rang.felt = rang.felt || (rang.meant_for != 0 && !pending);
    };
    try {
        a.result = call(handler, job, attempt, context);
        leave();
        a.outcome = current.wish.outcome;
        a.run_in = current.wish.run_in;
        const std::string_view reason = current.wish.text();
        a.reason = {pg::copy_text(reason, context), reason.size()};
    } catch (const pg::PgError& e) {
        leave();
        if (in_executor) hold_cancel();
        a.outcome = core::Outcome::failed;
        a.error = keep_error(e, attempt, pg::clock_now(), context);
        // A shutdown ends the programs that a handler started, and whatever fails then is nobody's fault.
        if (in_executor && ShutdownRequestPending) a.outcome = core::Outcome::released;
        if (in_executor && is_failure_of_session(e.sqlstate())) {
            a.outcome = core::Outcome::released;
            renew_session();
        }
    } catch (const pg::Failure& f) {
        leave();
        a.outcome = core::Outcome::failed;
        a.error = store::AttemptError{pg::clock_now(),
                                      attempt,
                                      pg::copy_text(unpack_sql_state(f.sqlstate()), context),
                                      pg::copy_text(f.message(), context),
                                      pg::copy_text(f.detail(), context),
                                      pg::copy_text(f.hint(), context),
                                      ""};
    }
    if (in_executor) hold_cancel();
    judge_interrupt(&a, rang, job, attempt, timeout, context);
    current.inside = false;
    current.job = nullptr;
    return a;
}

}  // namespace

int64 run_procedure_job(const board::RangeChoice& choice, core::Key from, bool in_executor) {
    pg::Context context("foreman procedure job");
    const board::KeepKeys keys;
    Leased leased{};
    if (!lease(choice, from, context.get(), &leased)) return 0;
    const store::Job& job = leased.job;
    if (in_executor) forget_cancel();
    board::slot_begin_job(job.job_id, job.kind, job.queue, job.attempt + 1, pg::clock_now());
    board::slot_outside_group(true);
    store::Handler handler{};
    {
        pg::Transaction tx;
        handler = store::find_handler(job.kind, job.queue, job.alone);
        handler.function = pg::copy_text(handler.function, context.get());
        handler.command = pg::copy_text(handler.command, context.get());
        tx.commit();
    }
    Attempt a;
    // It may have been registered anew since the range was chosen, to run as another role: this session would
    // lend it ours.
    if (!handler.exists || handler.lane != store::Lane::procedure || handler.run_as != GetSessionUserId()) {
        a.outcome = core::Outcome::released;
    } else if (job.expires_at && *job.expires_at <= store::now()) {
        a.outcome = core::Outcome::expired;
        a.reason = "expired";
    } else {
        const pg::CurrentScope scope(context);
        a = run(handler, leased, context.get(), in_executor);
        if (a.outcome == core::Outcome::released && a.error && ShutdownRequestPending)
            a.outcome = core::Outcome::broken_off;
    }
    {
        pg::Transaction tx(context.get());
        if (store::take_leased(job.job_id, leased.token)) store::settle(job, a, context.get());
        tx.commit();
    }
    board::slot_outside_group(false);
    board::slot_end_job();
    return job.job_id;
}

bool rescue_leased(int64 job_id, bool charged, const char* message) {
    pg::Context context("foreman rescue", CurrentMemoryContext);
    store::Job job{};
    if (!store::take_leased_any(job_id, context.get(), &job)) return false;
    Attempt a;
    a.started_at = store::now();
    if (charged) {
        a.outcome = core::Outcome::failed;
        a.error = store::AttemptError{store::now(), job.attempt + 1, "57P01", message, "", "", ""};
    } else {
        a.outcome = core::Outcome::broken_off;
    }
    store::settle(job, a, context.get());
    return true;
}

bool charge_waiting(int64 job_id, const store::AttemptError& error) {
    pg::Context context("foreman charge", CurrentMemoryContext);
    store::Job job{};
    if (!store::take_waiting(job_id, context.get(), &job)) return false;
    Attempt a;
    a.started_at = store::now();
    a.outcome = core::Outcome::failed;
    a.error = error;
    a.error->attempt = job.attempt + 1;
    a.alone_next = true;
    store::settle(job, a, context.get());
    return true;
}

}  // namespace foreman::engine
