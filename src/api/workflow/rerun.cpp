// retry_workflow(), fork_workflow(): a failed workflow goes on, or a new one begins with the events of another.
//
// needs: bundle operator on the type's queue.
// errors: 42704 for an unknown type or workflow; 55000 and 23505 as in engine/workflow/rerun.hpp; 42501; 25006.
// cost: a retry is a few rows for each effect and timer that the failure cancelled, and waits for whoever holds the
// workflow; a fork copies the events and folds them
#include "engine/workflow/rerun.hpp"

#include "api/public_function.hpp"
#include "api/workflow/named_type.hpp"
#include "request/arguments.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"

namespace foreman::api {

FOREMAN_PUBLIC(retry_workflow) {
    store::require_writable("foreman.retry_workflow()");
    const store::WorkflowType& type = named_type(fcinfo, store::Bundle::operate);
    return Int64GetDatum(
        engine::retry_workflow(type, required_name(pg::optional_argument(fcinfo, 1), "workflow_id"),
                               optional_text(pg::optional_argument(fcinfo, 2))));
}

FOREMAN_FUNCTION(fork_workflow) {
    store::require_writable("foreman.fork_workflow()");
    const store::WorkflowType& type = named_type(fcinfo, store::Bundle::operate);
    engine::Fork fork{};
    fork.id = required_name(pg::optional_argument(fcinfo, 1), "workflow_id");
    fork.at_sequence = DatumGetInt64(required(pg::optional_argument(fcinfo, 2), "at_sequence"));
    fork.new_id = required_name(pg::optional_argument(fcinfo, 3), "new_id");
    fork.reason = optional_text(pg::optional_argument(fcinfo, 4));
    return Int64GetDatum(engine::fork_workflow(type, fork));
}

}  // namespace foreman::api
