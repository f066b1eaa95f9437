// dead_letters(), count_dead_letters(), retry_dead_letter(), retry_dead_letters(), purge_dead_letters(): jobs
// that were discarded; and timers among them: timer_dead_letters(), count_timer_dead_letters(),
// retry_timer_dead_letter().
//
// needs: bundle operator on the queue, or on all queues where none is named.
// errors: 42501; 25006 for those that change something; arguments as in request/arguments.hpp.
// cost: dead_letters reads backwards by job_id; the others as many rows as they count.
#include "store/jobs/dead_letters.hpp"

#include "api/public_function.hpp"
#include "pg/memory.hpp"
#include "request/arguments.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"
#include "store/jobs/find.hpp"
#include "store/jobs/revive.hpp"

namespace foreman::api {

namespace {

constexpr int64 kMaxRows = 1'000'000;

store::DeadLetterFilter filter_of(FunctionCallInfo fcinfo) {
    store::DeadLetterFilter f;
    f.kind = optional_name(pg::optional_argument(fcinfo, 0), "kind");
    f.queue = optional_name(pg::optional_argument(fcinfo, 1), "queue");
    if (f.queue) {
        store::require(store::Bundle::operate, *f.queue);
    } else if (!store::may_all(store::Bundle::operate)) {
        throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied: this is about all queues")
            .hint("Name a queue that you operate.");
    }
    return f;
}

int max_rows_of(OptionalDatum value) {
    return static_cast<int>(required_count(value, "max_rows", 1, kMaxRows));
}

template <int Columns>
Datum list(FunctionCallInfo fcinfo, pg::Rows (*read)(const store::DeadLetterFilter&)) {
    pg::ResultSet rows(fcinfo);
    store::DeadLetterFilter f = filter_of(fcinfo);
    f.since = optional_instant(pg::optional_argument(fcinfo, 2), "since");
    if (const OptionalDatum before = pg::optional_argument(fcinfo, 3)) f.before_id = DatumGetInt64(*before);
    f.max_rows = max_rows_of(pg::optional_argument(fcinfo, 4));
    const store::AsOwner scope;
    for (const pg::Row row : read(f)) {
        std::array<std::optional<Datum>, Columns> values;
        for (int i = 0; i < Columns; i++) values[static_cast<std::size_t>(i)] = row.optional_datum(i + 1);
        rows.put(values);
    }
    return rows.done();
}

// Whether it is a dead letter.  errors: 42501 where the caller does not operate its queue
bool may_retry(int64 id) {
    const store::Found found = store::find_job(id);
    if (found.place != store::Place::dead) return false;
    store::require(store::Bundle::operate, found.queue_name());
    return true;
}

}  // namespace

FOREMAN_PUBLIC(dead_letters) { return list<12>(fcinfo, store::read_dead_letters); }

FOREMAN_PUBLIC(timer_dead_letters) { return list<13>(fcinfo, store::read_timer_dead_letters); }

FOREMAN_PUBLIC(count_dead_letters) { return Int64GetDatum(store::count_dead(filter_of(fcinfo))); }

FOREMAN_PUBLIC(count_timer_dead_letters) {
    return Int64GetDatum(store::count_dead_timers(filter_of(fcinfo)));
}

FOREMAN_PUBLIC(retry_dead_letter) {
    store::require_writable("foreman.retry_dead_letter()");
    const int64 id = required_id(pg::optional_argument(fcinfo, 0));
    return BoolGetDatum(may_retry(id) && store::revive(id, store::Place::dead));
}

FOREMAN_PUBLIC(retry_timer_dead_letter) {
    store::require_writable("foreman.retry_timer_dead_letter()");
    const int64 id = required_id(pg::optional_argument(fcinfo, 0));
    return BoolGetDatum(may_retry(id) && store::is_dead_timer(id) && store::revive(id, store::Place::dead));
}

FOREMAN_PUBLIC(retry_dead_letters) {
    store::require_writable("foreman.retry_dead_letters()");
    store::DeadLetterFilter f = filter_of(fcinfo);
    f.max_rows = max_rows_of(pg::optional_argument(fcinfo, 2));
    const pg::Context context("foreman dead letters", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<int64> ids(&memory);
    store::dead_ids(f, &ids);
    int64 retried = 0;
    for (const int64 id : ids) retried += store::revive(id, store::Place::dead) ? 1 : 0;
    return Int64GetDatum(retried);
}

FOREMAN_PUBLIC(purge_dead_letters) {
    store::require_writable("foreman.purge_dead_letters()");
    const store::DeadLetterFilter f = filter_of(fcinfo);
    const auto older_than = optional_duration(pg::optional_argument(fcinfo, 2), "older_than", kRetentions);
    return Int64GetDatum(store::purge_dead(f, store::now() - older_than.value_or(core::Micros{})));
}

}  // namespace foreman::api
