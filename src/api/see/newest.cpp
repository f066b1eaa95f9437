// What list_jobs(), list_schedule_runs() and list_job_events() of the extension script are made of: the ids
// of the newest rows that the caller sees; the views answer the rest for these ids.
//
// returns: int8[]; of _newest_active_jobs() up to five times max_rows.
// needs: a bundle that shows the queue; other queues' rows are left out.
// errors: 22023 for a state that does not exist; arguments as in request/arguments.hpp.
// cost: see store/upkeep/newest.hpp; a few milliseconds with millions of rows.
#include "store/upkeep/newest.hpp"

#include <algorithm>

#include "api/public_function.hpp"
#include "core/job_state.hpp"
#include "request/arguments.hpp"

namespace foreman::api {

namespace {

constexpr int64 kMostRows = 10000;
constexpr std::string_view kStates[] = {"available", "scheduled", "pending",   "running",  "retryable",
                                        "suspended", "completed", "cancelled", "discarded"};

std::optional<std::string_view> state_of(OptionalDatum value) {
    const OptionalText state = optional_text(value);
    if (!state || std::find(std::begin(kStates), std::end(kStates), *state) != std::end(kStates))
        return state;
    throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "state \"%.*s\" does not exist",
                      static_cast<int>(std::min<std::size_t>(state->size(), 64)), state->data())
        .hint(
            "Allowed are available, scheduled, pending, running, retryable, suspended, completed, cancelled "
            "and discarded.");
}

Datum ids_of(const store::NewestFilter& f, void (*find)(const store::NewestFilter&, pg::vector<int64>*)) {
    const pg::Context context("foreman newest", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<int64> ids(&memory);
    find(f, &ids);
    return pg::int8_array({ids.data(), ids.size()});
}

int64 max_rows_of(OptionalDatum value) { return required_count(value, "max_rows", 1, kMostRows); }

}  // namespace

// _newest_jobs(kind, queue, state, before_id, max_rows)
FOREMAN_PUBLIC(newest_jobs) {
    store::NewestFilter f;
    f.kind = optional_name(pg::optional_argument(fcinfo, 0), "kind");
    f.queue = optional_name(pg::optional_argument(fcinfo, 1), "queue");
    f.state = state_of(pg::optional_argument(fcinfo, 2));
    if (const OptionalDatum before = pg::optional_argument(fcinfo, 3)) f.before_id = DatumGetInt64(*before);
    f.max_rows = max_rows_of(pg::optional_argument(fcinfo, 4));
    return ids_of(f, &store::newest_jobs);
}

// _newest_runs(name, before_id, max_rows)
FOREMAN_PUBLIC(newest_runs) {
    store::NewestFilter f;
    f.kind = optional_name(pg::optional_argument(fcinfo, 0), "name");
    if (const OptionalDatum before = pg::optional_argument(fcinfo, 1)) f.before_id = DatumGetInt64(*before);
    f.max_rows = max_rows_of(pg::optional_argument(fcinfo, 2));
    return ids_of(f, &store::newest_runs);
}

// _newest_active_jobs(kind, queue, max_rows)
FOREMAN_PUBLIC(newest_active_jobs) {
    store::NewestFilter f;
    f.kind = optional_name(pg::optional_argument(fcinfo, 0), "kind");
    f.queue = optional_name(pg::optional_argument(fcinfo, 1), "queue");
    f.max_rows = max_rows_of(pg::optional_argument(fcinfo, 2));
    return ids_of(f, &store::newest_active_jobs);
}

}  // namespace foreman::api
