// given_events(), when_input(), then_events(), then_effects(), then_timers(), then_rejected(): a workflow type tested
// without an instance. What then_ functions say is counted by pgTAP's plan.
//
// needs: bundle operator on the type's queue, since the functions get events that nobody decided; pgTAP in any schema for the then_ functions.
// errors: 42704 for an unknown type; 55000 out of order or without pgTAP; what decide and evolve raise.
#include "api/public_function.hpp"
#include "engine/workflow/trial.hpp"
#include "pg/call.hpp"
#include "request/arguments.hpp"
#include "store/definitions/access.hpp"
#include "store/testing/test_report.hpp"

namespace foreman::api {

namespace {

const store::WorkflowType& tried(const store::WorkflowType& type) {
    store::require(store::Bundle::operate, type.queue);
    return type;
}

// Another role of the session may have tried it.
const engine::Answered& answer() {
    tried(engine::type_of_trial());
    return engine::answer_of_trial();
}

Datum required_array(OptionalDatum value, const char* argument) {
    const Datum array = required(value, argument);
    if (!pg::guarded([array] {
            const Jsonb* j = DatumGetJsonbP(array);
            return JB_ROOT_IS_ARRAY(j) && !JB_ROOT_IS_SCALAR(j);
        }))
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "%s must be a JSON array", argument);
    return array;
}

Datum report(FunctionCallInfo fcinfo, bool passed, const char* description, const char* seen) {
    const OptionalText given = optional_text(pg::optional_argument(fcinfo, 1));
    return store::report_test(passed, given.value_or(description), seen);
}

Datum test_part(FunctionCallInfo fcinfo, const char* part, store::Compare how, const char* description) {
    const engine::Answered& answered = answer();
    const Datum wanted = required_array(pg::optional_argument(fcinfo, 0), part);
    const char* seen = nullptr;
    if (answered.rejected) {
        seen = store::describe_rejection(answered.answer);
        return report(fcinfo, false, description, seen);
    }
    const bool passed = store::test_decision(answered.answer, part, wanted, how, &seen);
    return report(fcinfo, passed, description, seen);
}

}  // namespace

FOREMAN_FUNCTION(given_events) {
    const store::WorkflowType& type =
        tried(store::require_workflow_type(required_name(pg::optional_argument(fcinfo, 0), "workflow_type")));
    engine::begin_trial(type, required_array(pg::optional_argument(fcinfo, 1), "events"));
    return pg::return_null(fcinfo);
}

FOREMAN_FUNCTION(when_input) {
    const store::WorkflowType& type = tried(engine::type_of_trial());
    engine::try_input(type, required(pg::optional_argument(fcinfo, 0), "input"));
    return pg::return_null(fcinfo);
}

FOREMAN_PUBLIC(then_events) {
    return test_part(fcinfo, "events", store::Compare::events, "These events should follow");
}
FOREMAN_PUBLIC(then_effects) {
    return test_part(fcinfo, "effects", store::Compare::contains, "These effects should follow");
}
FOREMAN_PUBLIC(then_timers) {
    return test_part(fcinfo, "timers", store::Compare::contains, "These timers should be set");
}

FOREMAN_PUBLIC(then_rejected) {
    const engine::Answered& answered = answer();
    const OptionalDatum wanted = pg::optional_argument(fcinfo, 0);
    const char* seen = nullptr;
    const bool passed = store::test_rejection(answered.rejected, answered.answer, wanted, &seen);
    return report(fcinfo, passed, "The input should be rejected", seen);
}

}  // namespace foreman::api
