// execute() and signal_workflow(): inputs of workflows, handled now in the caller's transaction, or soon and in order.
//
// needs: bundle producer on the type's queue, a transaction that may write.
// errors: 42704 for an unknown type; 42501; 25006; 55000 for execute() of a type that is decided outside; 40001 for
// another expected_sequence; 23505 for a unique key that is held; 22023 for what decide answered wrongly; what the type's
// functions raise. cost: execute(): see engine/workflow/execute.hpp; signal_workflow(): two INSERTs.
#include "engine/workflow/execute.hpp"

#include "api/public_function.hpp"
#include "api/workflow/named_type.hpp"
#include "request/arguments.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"

namespace foreman::api {

namespace {

Datum outcome_datum(core::InputState outcome) {
    return pg::text_datum(outcome == core::InputState::accepted   ? "accepted"
                          : outcome == core::InputState::rejected ? "rejected"
                                                                  : "already_completed");
}

Datum answer_row(TupleDesc desc, const store::InputAnswer& answer) {
    const bool has_events = answer.last_sequence != 0;
    const Datum values[] = {outcome_datum(answer.state), answer.rejection.value_or(Datum{0}),
                            Int64GetDatum(answer.first_sequence), Int64GetDatum(answer.last_sequence)};
    const bool nulls[] = {false, !answer.rejection, !has_events, !has_events};
    return pg::composite_datum(desc, values, nulls);
}

}  // namespace

// Its errors keep their context: the functions that it calls are the user's.
FOREMAN_FUNCTION(execute) {
    store::require_writable("foreman.execute()");
    const TupleDesc desc = pg::result_desc(fcinfo);
    const store::WorkflowType& type = named_type(fcinfo, store::Bundle::producer);
    store::Input input;
    input.source = core::InputSource::execute;
    input.begins = true;
    input.id = required_name(pg::optional_argument(fcinfo, 1), "workflow_id");
    input.payload = required(pg::optional_argument(fcinfo, 2), "input");
    input.input_id = optional_name(pg::optional_argument(fcinfo, 3), "input_id").value_or("");
    engine::HandleOptions options;
    if (const OptionalDatum expected = pg::optional_argument(fcinfo, 4))
        options.expected_sequence = DatumGetInt64(*expected);
    const std::optional<engine::Handled> handled = engine::handle_input(type, input, options);
    const store::InputAnswer answer{handled->outcome, handled->rejection, handled->first_sequence,
                                    handled->last_sequence};
    if (!handled->repeated && engine::keeps_record(type, input.input_id, answer.state)) {
        store::NewInput record;
        record.id = input.id;
        record.source = input.source;
        record.payload = input.payload;
        record.input_id = input.input_id;
        store::record_input(type, record, answer, store::now());
    }
    return answer_row(desc, answer);
}

FOREMAN_PUBLIC(signal_workflow) {
    store::require_writable("foreman.signal_workflow()");
    const store::WorkflowType& type = named_type(fcinfo, store::Bundle::producer);
    store::NewInput signal;
    signal.id = required_name(pg::optional_argument(fcinfo, 1), "workflow_id");
    signal.payload = required(pg::optional_argument(fcinfo, 2), "input");
    signal.input_id = optional_name(pg::optional_argument(fcinfo, 3), "input_id").value_or("");
    signal.begins = DatumGetBool(required(pg::optional_argument(fcinfo, 4), "start"));
    if (!signal.begins) {
        store::Instance instance;
        if (!store::find_instance(type.type(), signal.id, CurrentMemoryContext, &instance))
            throw pg::Failure(ERRCODE_UNDEFINED_OBJECT, "workflow \"%s\", id \"%.*s\" does not exist",
                              type.name, static_cast<int>(signal.id.size()), signal.id.data())
                .hint("With start => true the signal begins it.");
    }
    return Int64GetDatum(store::send_input(type, signal).input);
}

}  // namespace foreman::api
