// workflow_dead_letters(), count_workflow_dead_letters(), retry_workflow_dead_letters(): the dead letters of a type of
// workflows, or of one workflow.
//
// needs: bundle operator on the type's queue, or on all queues where no type is named; what is in queues that the
// caller does not operate is left out.
// errors: 42704 for an unknown type; 42501; 25006 for a retry; arguments as in request/arguments.hpp.
// cost: reads the dead letters of workflows backwards by job_id
#include "api/public_function.hpp"
#include "core/job_state.hpp"
#include "pg/memory.hpp"
#include "request/arguments.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"
#include "store/jobs/find.hpp"
#include "store/jobs/revive.hpp"
#include "store/workflows/dead.hpp"
#include "store/workflows/types.hpp"

namespace foreman::api {

namespace {

constexpr int64 kMaxRows = 1'000'000;

struct Sort {
    std::string_view word;
    core::Origin origin;
};
constexpr Sort kSorts[] = {{"effect", core::Origin::workflow_effect},
                           {"undo", core::Origin::workflow_undo},
                           {"input", core::Origin::workflow_input},
                           {"timer", core::Origin::workflow_timer}};

char optional_sort(OptionalDatum value) {
    const OptionalText word = optional_text(value);
    if (!word) return '\0';
    for (const Sort& s : kSorts) {
        if (*word == s.word) return static_cast<char>(s.origin);
    }
    throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "what \"%.*s\" is unknown",
                      static_cast<int>(std::min<std::size_t>(word->size(), 64)), word->data())
        .hint("Allowed: effect, undo, input, timer.");
}

store::WorkflowDeadFilter filter_of(FunctionCallInfo fcinfo, int what) {
    store::WorkflowDeadFilter f;
    f.type = optional_name(pg::optional_argument(fcinfo, 0), "workflow_type");
    f.id = optional_name(pg::optional_argument(fcinfo, 1), "workflow_id");
    f.origin = optional_sort(pg::optional_argument(fcinfo, what));
    f.max_rows = kMaxRows;
    if (f.type) {
        store::require(store::Bundle::operate, store::require_workflow_type(*f.type).queue);
    } else if (f.id) {
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "workflow_id needs workflow_type");
    } else {
        store::require_all(store::Bundle::operate);
    }
    return f;
}

}  // namespace

FOREMAN_PUBLIC(workflow_dead_letters) {
    pg::ResultSet rows(fcinfo);
    store::WorkflowDeadFilter f = filter_of(fcinfo, 4);
    if (const OptionalDatum before = pg::optional_argument(fcinfo, 2)) f.before_id = DatumGetInt64(*before);
    f.max_rows = required_count(pg::optional_argument(fcinfo, 3), "max_rows", 1, kMaxRows);
    store::put_workflow_dead_letters(f, &rows);
    return rows.done();
}

FOREMAN_PUBLIC(count_workflow_dead_letters) {
    return Int64GetDatum(store::count_workflow_dead_letters(filter_of(fcinfo, 2)));
}

FOREMAN_PUBLIC(retry_workflow_dead_letters) {
    store::require_writable("foreman.retry_workflow_dead_letters()");
    store::WorkflowDeadFilter f = filter_of(fcinfo, 2);
    f.max_rows = required_count(pg::optional_argument(fcinfo, 3), "max_rows", 1, kMaxRows);
    const pg::Context context("foreman dead letters", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<int64> ids(&memory);
    store::workflow_dead_ids(f, &ids);
    int64 retried = 0;
    for (const int64 id : ids) retried += store::revive(id, store::Place::dead) ? 1 : 0;
    return Int64GetDatum(retried);
}

}  // namespace foreman::api
