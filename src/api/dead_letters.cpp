// dead_letters(), count_dead_letters(), retry_dead_letter(), retry_dead_letters(), purge_dead_letters(): jobs
// that were discarded.
//
// needs: bundle operator on the queue, or on all queues where none is named.
// errors: 42501; 25006 for those that change something; arguments as in api/arguments.hpp.
// cost: dead_letters reads backwards by job_id; the others as many rows as they count.
#include "api/arguments.hpp"
#include "api/public_function.hpp"
#include "pg/memory.hpp"
#include "store/access.hpp"
#include "store/clock.hpp"
#include "store/control.hpp"
#include "store/schema.hpp"

namespace foreman::api {

namespace {

constexpr int64 kMaxRows = 1'000'000;
constexpr int kColumns = 12;

struct Filter {
    OptionalText kind, queue;
};

Filter filter_of(FunctionCallInfo fcinfo) {
    const Filter f{optional_name(pg::optional_argument(fcinfo, 0), "kind"),
                   optional_name(pg::optional_argument(fcinfo, 1), "queue")};
    if (f.queue) {
        store::require(store::Bundle::operate, *f.queue);
    } else if (!store::may_all(store::Bundle::operate)) {
        throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied: this is about all queues")
            .hint("Name a queue that you operate.");
    }
    return f;
}

void put_row(pg::ResultSet* rows, const pg::Row& row) {
    std::array<std::optional<Datum>, kColumns> values;
    for (int i = 0; i < kColumns; i++) values[static_cast<std::size_t>(i)] = row.optional_datum(i + 1);
    rows->put(values);
}

}  // namespace

FOREMAN_PUBLIC(dead_letters) {
    pg::ResultSet rows(fcinfo);
    const Filter filter = filter_of(fcinfo);
    store::DeadLetterFilter f;
    f.kind = filter.kind;
    f.queue = filter.queue;
    f.since = optional_instant(pg::optional_argument(fcinfo, 2), "since");
    if (const OptionalDatum before = pg::optional_argument(fcinfo, 3)) f.before_id = DatumGetInt64(*before);
    f.max_rows = static_cast<int>(required_count(pg::optional_argument(fcinfo, 4), "max_rows", 1, kMaxRows));
    const store::AsOwner scope;
    for (const pg::Row row : store::read_dead_letters(f)) put_row(&rows, row);
    return rows.done();
}

FOREMAN_PUBLIC(count_dead_letters) {
    const Filter f = filter_of(fcinfo);
    return Int64GetDatum(store::count_dead(f.kind, f.queue));
}

FOREMAN_PUBLIC(retry_dead_letter) {
    store::require_writable("foreman.retry_dead_letter()");
    const int64 id = required_id(pg::optional_argument(fcinfo, 0));
    const store::Found found = store::find_job(id);
    if (found.place != store::Place::dead) return BoolGetDatum(false);
    store::require(store::Bundle::operate, found.queue_name());
    return BoolGetDatum(store::revive(id, store::Place::dead));
}

FOREMAN_PUBLIC(retry_dead_letters) {
    store::require_writable("foreman.retry_dead_letters()");
    const Filter f = filter_of(fcinfo);
    const int64 most = required_count(pg::optional_argument(fcinfo, 2), "max_rows", 1, kMaxRows);
    const pg::Context context("foreman dead letters", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<int64> ids(&memory);
    store::dead_ids(f.kind, f.queue, static_cast<int>(most), &ids);
    int64 retried = 0;
    for (const int64 id : ids) retried += store::revive(id, store::Place::dead) ? 1 : 0;
    return Int64GetDatum(retried);
}

FOREMAN_PUBLIC(purge_dead_letters) {
    store::require_writable("foreman.purge_dead_letters()");
    const Filter f = filter_of(fcinfo);
    const auto older_than = optional_duration(pg::optional_argument(fcinfo, 2), "older_than", kRetentions);
    return Int64GetDatum(
        store::purge_dead(f.kind, f.queue, store::now() - older_than.value_or(core::Micros{})));
}

}  // namespace foreman::api
