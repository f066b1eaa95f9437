// cancel_where(), retry_where(), delete_where(), purge_queue(): what operators do to all jobs that match.
//
// does: cancel_where() takes unfinished jobs, retry_where() finished ones, delete_where() both; NULL matches
// everything. purge_queue() forgets all unfinished jobs of a queue. returns: how many jobs were changed, or
// got a request because somebody held them. needs: bundle operator on the queue, or on all queues where none
// is named; a transaction that may write. errors: 42501; 25006; 22023 for a state that the function does not
// act on, and when nothing narrows the jobs down and max_rows is NULL; arguments as in request/arguments.hpp. No
// call waits for a running handler, nor for a row that somebody has locked. cost: one pass over the table by
// id, about 10 us a job.
#include "store/jobs/bulk.hpp"

#include <algorithm>

#include "api/public_function.hpp"
#include "pg/latch.hpp"
#include "pg/memory.hpp"
#include "request/arguments.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"

namespace foreman::api {

namespace {

enum Parameter : int { kKind, kQueue, kState, kTags, kOlderThan, kMaxRows };

constexpr int64 kBatch = 1000;
constexpr int64 kNoLimit = PG_INT64_MAX;

struct States {
    bool unfinished, finished;
    const char* allowed;
};
constexpr States kUnfinished{true, false, "available, scheduled, pending, running, retryable and suspended"};
constexpr States kFinished{false, true, "completed, cancelled and discarded"};
constexpr States kAny{
    true, true,
    "available, scheduled, pending, running, retryable, suspended, completed, cancelled and "
    "discarded"};

bool is_one_of(std::string_view state, std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), state) != names.end();
}
bool is_unfinished(std::string_view state) {
    return is_one_of(state, {"available", "scheduled", "pending", "running", "retryable", "suspended"});
}
bool is_finished(std::string_view state) { return is_one_of(state, {"completed", "cancelled", "discarded"}); }

struct Call {
    store::JobFilter filter;
    int64 left = kNoLimit;  // rows that it may still touch
    int64 touched = 0;
};

Call call_of(FunctionCallInfo fcinfo, const char* function, const States& states) {
    store::require_writable(function);
    Call c;
    c.filter.kind = optional_name(pg::optional_argument(fcinfo, kKind), "kind");
    c.filter.queue = optional_name(pg::optional_argument(fcinfo, kQueue), "queue");
    c.filter.state = optional_text(pg::optional_argument(fcinfo, kState));
    if (c.filter.state && !(states.unfinished && is_unfinished(*c.filter.state)) &&
        !(states.finished && is_finished(*c.filter.state)))
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "state \"%.*s\" is none that %s acts on",
                          static_cast<int>(std::min<std::size_t>(c.filter.state->size(), 64)),
                          c.filter.state->data(), function)
            .hint("Allowed are %s.", states.allowed);
    if (const OptionalDatum tags = pg::optional_argument(fcinfo, kTags)) {
        if (required_elements(tags, "tags", pg::kText).count > 0) c.filter.tags = tags;
    }
    const auto age = optional_duration(pg::optional_argument(fcinfo, kOlderThan), "older_than", kRetentions);
    if (age && age->us > 0) c.filter.until = store::now() - *age;
    if (const OptionalDatum most = pg::optional_argument(fcinfo, kMaxRows))
        c.left = required_count(most, "max_rows", 1, PG_INT32_MAX);
    const store::JobFilter& f = c.filter;
    if (c.left == kNoLimit && !f.kind && !f.queue && !f.state && !f.tags && !f.until)
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "%s would act on every job", function)
            .hint("Give kind, queue, state, tags or older_than, or say how many with max_rows.");
    if (f.queue) {
        store::require(store::Bundle::operate, *f.queue);
    } else if (!store::may_all(store::Bundle::operate)) {
        throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied: this is about all queues")
            .hint("Name a queue that you operate.");
    }
    return c;
}

// Batch by batch; what one takes in memory goes before the next.
template <class Some>
void go_through(Call* c, Some some) {
    pg::Context scratch("foreman bulk", CurrentMemoryContext);
    int64 after = 0;
    for (bool more = true; more && c->left > 0;) {
        pg::check_interrupts();
        {
            const pg::CurrentScope scope(scratch);
            const store::Batch b = some(after, std::min(kBatch, c->left), scratch.get());
            after = b.last_id;
            more = b.more;
            c->touched += b.touched;
            if (c->left != kNoLimit) c->left -= b.touched;
        }
        scratch.reset();
    }
}

bool wants(const Call& c, store::Place place) {
    const auto& state = c.filter.state;
    switch (place) {
        case store::Place::live:
            return !state || is_unfinished(*state);
        case store::Place::history:
            return !state || *state == "completed" || *state == "cancelled";
        default:
            return !state || *state == "discarded";
    }
}

}  // namespace

FOREMAN_PUBLIC(cancel_where) {
    Call c = call_of(fcinfo, "foreman.cancel_where()", kUnfinished);
    go_through(&c, [&](int64 after, int64 most, MemoryContext context) {
        return store::cancel_some(c.filter, after, most, context);
    });
    return Int64GetDatum(c.touched);
}

FOREMAN_PUBLIC(retry_where) {
    Call c = call_of(fcinfo, "foreman.retry_where()", kFinished);
    for (const store::Place place : {store::Place::dead, store::Place::history}) {
        if (!wants(c, place)) continue;
        go_through(&c, [&](int64 after, int64 most, MemoryContext context) {
            return store::retry_some(c.filter, place, after, most, context);
        });
    }
    return Int64GetDatum(c.touched);
}

FOREMAN_PUBLIC(delete_where) {
    Call c = call_of(fcinfo, "foreman.delete_where()", kAny);
    for (const store::Place place : {store::Place::dead, store::Place::history}) {
        if (!wants(c, place)) continue;
        go_through(&c, [&](int64 after, int64 most, MemoryContext) {
            return store::delete_finished_some(c.filter, place, after, most);
        });
    }
    if (wants(c, store::Place::live)) {
        go_through(&c, [&](int64 after, int64 most, MemoryContext context) {
            return store::delete_live_some(c.filter, after, most, context);
        });
    }
    return Int64GetDatum(c.touched);
}

FOREMAN_PUBLIC(purge_queue) {
    store::require_writable("foreman.purge_queue()");
    Call c;
    c.filter.queue = required_name(pg::optional_argument(fcinfo, 0), "name");
    store::require(store::Bundle::operate, *c.filter.queue);
    go_through(&c, [&](int64 after, int64 most, MemoryContext context) {
        return store::delete_live_some(c.filter, after, most, context);
    });
    return Int64GetDatum(c.touched);
}

}  // namespace foreman::api
