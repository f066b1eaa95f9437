// cancel_workflow(), terminate_workflow(), workflow_state(), set_search_attributes(): what operators do to one workflow.
//
// needs: bundle operator on the type's queue; for workflow_state() operator, worker or producer.
// errors: 42704 for an unknown type, workflow or event; 42501; 25006; arguments as in request/arguments.hpp.
// cost: a cancel is two INSERTs, a state the fold of the events after the last snapshot. terminate_workflow() waits for
// whoever holds the workflow.
#include "api/public_function.hpp"
#include "api/workflow/named_type.hpp"
#include "engine/workflow/execute.hpp"
#include "pg/xact.hpp"
#include "request/arguments.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"
#include "store/workflows/effects.hpp"

namespace foreman::api {

namespace {

std::string_view required_workflow_id(FunctionCallInfo fcinfo) {
    return required_name(pg::optional_argument(fcinfo, 1), "workflow_id");
}

[[noreturn]] void refuse_absent(const store::WorkflowType& type, std::string_view id) {
    throw pg::Failure(ERRCODE_UNDEFINED_OBJECT, "workflow \"%s\", id \"%.*s\" does not exist", type.name,
                      static_cast<int>(id.size()), id.data());
}

bool runs(const store::Instance& instance) { return instance.state == core::InstanceState::running; }

}  // namespace

FOREMAN_PUBLIC(cancel_workflow) {
    store::require_writable("foreman.cancel_workflow()");
    const store::WorkflowType& type = named_type(fcinfo, store::Bundle::operate);
    const std::string_view id = required_workflow_id(fcinfo);
    const OptionalText reason = optional_text(pg::optional_argument(fcinfo, 2));
    store::Instance instance;
    if (!store::find_instance(type.type(), id, CurrentMemoryContext, &instance))
        return pg::text_datum("not_found");
    if (!runs(instance)) return pg::text_datum("finished");
    store::NewInput cancel;
    cancel.id = id;
    cancel.root = instance.root;
    cancel.source = core::InputSource::cancel;
    cancel.payload = store::cancel_payload(reason.value_or(""));
    store::send_input(type, cancel);
    return pg::text_datum("cancel_requested");
}

FOREMAN_PUBLIC(terminate_workflow) {
    store::require_writable("foreman.terminate_workflow()");
    const store::WorkflowType& type = named_type(fcinfo, store::Bundle::operate);
    const std::string_view id = required_workflow_id(fcinfo);
    const OptionalText reason = optional_text(pg::optional_argument(fcinfo, 2));
    store::Instance instance;
    if (store::lock_instance(type.type(), id, store::Wait::for_others, CurrentMemoryContext, &instance) ==
        store::Locked::absent)
        return pg::text_datum("not_found");
    if (!runs(instance)) return pg::text_datum("finished");
    engine::end_workflow(
        type, id, instance,
        {core::InstanceState::terminated, reason.value_or("terminated"), false, std::nullopt});
    return pg::text_datum("terminated");
}

FOREMAN_FUNCTION(workflow_state) {
    const store::WorkflowType& type =
        store::require_workflow_type(required_name(pg::optional_argument(fcinfo, 0), "workflow_type"));
    if (!store::may_see_args(type.queue)) store::require(store::Bundle::producer, type.queue);
    const std::string_view id = required_workflow_id(fcinfo);
    store::Instance instance;
    if (!store::find_instance(type.type(), id, CurrentMemoryContext, &instance)) refuse_absent(type, id);
    const OptionalDatum at = pg::optional_argument(fcinfo, 2);
    const int64 last = at ? DatumGetInt64(*at) : instance.sequence;
    if (last < 0 || last > instance.sequence)
        throw pg::Failure(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, "at_sequence " INT64_FORMAT " is out of range",
                          last)
            .hint("Allowed: 0 to " INT64_FORMAT ", the number of its last event.", instance.sequence);
    engine::TypeFunctions& functions = engine::functions_of(type);
    const pg::ActiveSnapshot snapshot;
    const engine::AsType scope(type, functions);
    return engine::fold_instance(type, functions, {type.type(), id}, instance, last, CurrentMemoryContext);
}

FOREMAN_PUBLIC(set_search_attributes) {
    store::require_writable("foreman.set_search_attributes()");
    const store::WorkflowType& type = named_type(fcinfo, store::Bundle::operate);
    const std::string_view id = required_workflow_id(fcinfo);
    const Datum search = required(pg::optional_argument(fcinfo, 2), "search");
    if (!pg::guarded([search] { return JB_ROOT_IS_OBJECT(DatumGetJsonbP(search)); }))
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "search must be an object");
    store::Instance instance;
    if (store::lock_instance(type.type(), id, store::Wait::for_others, CurrentMemoryContext, &instance) ==
        store::Locked::absent)
        refuse_absent(type, id);
    store::merge_search(instance.instance, search);
    return BoolGetDatum(true);
}

}  // namespace foreman::api
