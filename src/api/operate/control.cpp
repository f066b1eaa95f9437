// cancel(), retry(), run_now(), reschedule(), delete_job() and their _many siblings.
//
// needs: bundle operator on the job's queue, a transaction that may write.
// errors: 42501, also for a job of a queue that the caller has no right on; 25006; 55000 when the args of a
// job to be retried were not kept; arguments as in request/arguments.hpp. In a _many function one error undoes
// all. No call waits for a running handler: what somebody holds gets a request, which survives a crash and is
// honoured when the handler ends; cancel and delete interrupt it. cost: two or three prepared statements by
// primary key.
#include "store/jobs/control.hpp"

#include "api/public_function.hpp"
#include "pg/memory.hpp"
#include "request/arguments.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"
#include "store/jobs/find.hpp"
#include "store/jobs/leases.hpp"
#include "store/jobs/requests.hpp"
#include "store/jobs/revive.hpp"
#include "store/jobs/settle.hpp"

namespace foreman::api {

namespace {

struct Change {
    std::optional<core::Instant> run_at;
    std::optional<int16> priority;
};

// Where the job is; the caller operates its queue.
store::Found find(int64 job_id) {
    const store::Found found = store::find_job(job_id);
    if (found.place != store::Place::nowhere) store::require(store::Bundle::operate, found.queue_name());
    return found;
}

// The answer for a job that does not wait; nullptr: it is live, and somebody holds it.
const char* answer_unless_live(int64 job_id) {
    switch (find(job_id).place) {
        case store::Place::nowhere:
            return "not_found";
        case store::Place::live:
            return nullptr;
        default:
            return "finished";
    }
}

// Tries `at_once` on a live job; what it cannot have becomes a request. It is looked for again in between,
// since it may have ended while it was being looked at.
template <class AtOnce>
const char* act(int64 job_id, const store::Request& request, const char* done, const char* requested,
                AtOnce at_once) {
    if (const char* answer = answer_unless_live(job_id)) return answer;
    if (at_once()) return done;
    if (const char* answer = answer_unless_live(job_id)) return answer;
    store::insert_request(job_id, request);
    return requested;
}

const char* cancel(int64 job_id, std::string_view reason) {
    store::Request request{};
    request.action = core::RequestAction::cancel;
    request.reason = reason;
    return act(job_id, request, "cancelled", "cancel_requested", [&] {
        store::Job job{};
        if (!store::take_waiting(job_id, CurrentMemoryContext, &job)) return false;
        store::cancel_taken(job, reason, store::now());
        return true;
    });
}

const char* move(int64 job_id, const Change& change) {
    store::Request request{};
    request.action = core::RequestAction::reschedule;
    request.run_at = change.run_at;
    request.priority = change.priority;
    return act(job_id, request, "rescheduled", "requested",
               [&] { return store::move_waiting(job_id, change.run_at, change.priority, GetUserId()); });
}

const char* remove(int64 job_id) {
    const store::Found found = find(job_id);
    if (found.place == store::Place::history || found.place == store::Place::dead)
        return store::delete_finished(job_id, found.place) ? "deleted" : "not_found";
    store::Request request{};
    request.action = core::RequestAction::remove;
    const char* answer = act(job_id, request, "deleted", "delete_requested", [&] {
        store::Job job{};
        if (!store::take_waiting(job_id, CurrentMemoryContext, &job)) return false;
        store::delete_taken(job);
        return true;
    });
    // It ended between the two looks: now it can be deleted there.
    return std::string_view(answer) == "finished" ? remove(job_id) : answer;
}

bool retry(int64 job_id) {
    const store::Found found = find(job_id);
    if (found.place != store::Place::history && found.place != store::Place::dead) return false;
    return store::revive(job_id, found.place);
}

Change change_of(OptionalDatum run_at, OptionalDatum priority) {
    if (!run_at && !priority)
        throw pg::Failure(ERRCODE_NULL_VALUE_NOT_ALLOWED, "run_at and priority must not both be NULL")
            .hint("Give a new run_at, a new priority, or both.");
    return {optional_instant(run_at, "run_at"), optional_priority(priority)};
}

// Several: one row each, in the order of the array; what one takes in memory goes before the next.
template <class One>
Datum for_each(FunctionCallInfo fcinfo, One one) {
    pg::ResultSet rows(fcinfo);
    const pg::Elements ids = required_ids(pg::optional_argument(fcinfo, 0));
    pg::Context scratch("foreman control", CurrentMemoryContext);
    for (int i = 0; i < ids.count; i++) {
        {
            const pg::CurrentScope scope(scratch);
            const Datum row[] = {ids.values[i], one(DatumGetInt64(ids.values[i]))};
            rows.put(row);
        }
        scratch.reset();
    }
    return rows.done();
}

std::string_view reason_of(FunctionCallInfo fcinfo) {
    return optional_text(pg::optional_argument(fcinfo, 1)).value_or(std::string_view{});
}

int64 job_of(FunctionCallInfo fcinfo) { return required_id(pg::optional_argument(fcinfo, 0)); }

}  // namespace

FOREMAN_PUBLIC(cancel) {
    store::require_writable("foreman.cancel()");
    return pg::text_datum(cancel(job_of(fcinfo), reason_of(fcinfo)));
}

FOREMAN_PUBLIC(cancel_many) {
    store::require_writable("foreman.cancel_many()");
    const std::string_view reason = reason_of(fcinfo);
    return for_each(fcinfo, [&](int64 id) { return pg::text_datum(cancel(id, reason)); });
}

FOREMAN_PUBLIC(retry) {
    store::require_writable("foreman.retry()");
    return BoolGetDatum(retry(job_of(fcinfo)));
}

FOREMAN_PUBLIC(retry_many) {
    store::require_writable("foreman.retry_many()");
    return for_each(fcinfo, [](int64 id) { return BoolGetDatum(retry(id)); });
}

FOREMAN_PUBLIC(run_now) {
    store::require_writable("foreman.run_now()");
    return pg::text_datum(move(job_of(fcinfo), {store::now(), std::nullopt}));
}

FOREMAN_PUBLIC(run_now_many) {
    store::require_writable("foreman.run_now_many()");
    const core::Instant now = store::now();
    return for_each(fcinfo, [now](int64 id) { return pg::text_datum(move(id, {now, std::nullopt})); });
}

// Whoever holds it is answered `lost` from then on: its token is the right to one attempt, and that is over.
FOREMAN_PUBLIC(release_lease) {
    store::require_writable("foreman.release_lease()");
    const int64 job_id = job_of(fcinfo);
    if (const char* answer = answer_unless_live(job_id)) return pg::text_datum(answer);
    const std::optional<pg::UuidBytes> token = store::token_of_lease(job_id);
    if (!token) return pg::text_datum("not_leased");
    pg::Context context("foreman lease", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<store::LeasedJob> taken(&memory);
    const store::TokenPair pair{job_id, *token};
    store::take_leases({&pair, 1}, context.get(), &taken);
    if (taken.empty()) return pg::text_datum("not_leased");
    store::Attempt attempt;
    attempt.outcome = core::Outcome::released;
    attempt.started_at = taken.front().job.claimed_at;
    store::settle(taken.front().job, attempt, context.get());
    return pg::text_datum("released");
}

FOREMAN_PUBLIC(reschedule) {
    store::require_writable("foreman.reschedule()");
    const Change change = change_of(pg::optional_argument(fcinfo, 1), pg::optional_argument(fcinfo, 2));
    return pg::text_datum(move(job_of(fcinfo), change));
}

FOREMAN_PUBLIC(reschedule_many) {
    store::require_writable("foreman.reschedule_many()");
    const Change change = change_of(pg::optional_argument(fcinfo, 1), pg::optional_argument(fcinfo, 2));
    return for_each(fcinfo, [&](int64 id) { return pg::text_datum(move(id, change)); });
}

FOREMAN_PUBLIC(delete_job) {
    store::require_writable("foreman.delete_job()");
    return pg::text_datum(remove(job_of(fcinfo)));
}

FOREMAN_PUBLIC(delete_job_many) {
    store::require_writable("foreman.delete_job_many()");
    return for_each(fcinfo, [](int64 id) { return pg::text_datum(remove(id)); });
}

}  // namespace foreman::api
