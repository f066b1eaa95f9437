// why_workflow(), list_workflows(), workflow_graph(): what one workflow waits for, which there are, how a type goes.
//
// needs: any bundle on the type's queue; to search by attributes, one that sees args.
// errors: 42704 for an unknown type; arguments as in request/arguments.hpp.
// cost: see store/why/workflow.hpp and store/workflows/listing.hpp; nothing is changed, nobody is waited for
#include "api/public_function.hpp"
#include "api/reasons.hpp"
#include "core/workflow.hpp"
#include "engine/workflow/functions.hpp"
#include "pg/memory.hpp"
#include "pg/spi.hpp"
#include "request/arguments.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"
#include "store/why/detail.hpp"
#include "store/why/workflow.hpp"
#include "store/workflows/listing.hpp"

namespace foreman::api {

namespace {

constexpr int64 kMaxRows = 1'000'000;
constexpr int kGraphSample = 1000;

constexpr core::InstanceState kStates[] = {core::InstanceState::running,   core::InstanceState::completed,
                                           core::InstanceState::cancelled, core::InstanceState::terminated,
                                           core::InstanceState::failed,    core::InstanceState::continued};

char optional_state(OptionalDatum value) {
    const OptionalText word = optional_text(value);
    if (!word) return '\0';
    for (const core::InstanceState s : kStates) {
        if (*word == core::state_word(s)) return static_cast<char>(s);
    }
    throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "state \"%.*s\" is unknown",
                      static_cast<int>(std::min<std::size_t>(word->size(), 64)), word->data())
        .hint("Allowed: running, completed, cancelled, terminated, failed, continued.");
}

OptionalDatum optional_object(OptionalDatum value, const char* argument) {
    if (value && !pg::guarded([value] { return JB_ROOT_IS_OBJECT(DatumGetJsonbP(*value)); }))
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "%s must be an object", argument);
    return value;
}

void add_functions(const store::WorkflowType& type, pg::vector<store::Reason>* out) {
    try {
        engine::functions_of(type);
    } catch (const pg::Failure& f) {
        store::Detail d(CurrentMemoryContext);
        d.text("error", f.message()).text("hint", f.hint());
        out->push_back({"function_missing", d.done(), std::nullopt});
    }
}

}  // namespace

FOREMAN_PUBLIC(why_workflow) {
    pg::ResultSet rows(fcinfo);
    const store::WorkflowType& type =
        store::require_workflow_type(required_name(pg::optional_argument(fcinfo, 0), "workflow_type"));
    const std::string_view id = required_name(pg::optional_argument(fcinfo, 1), "workflow_id");
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<store::Reason> reasons(&memory);
    if (!store::may_see(type.queue)) {
        store::Detail d(CurrentMemoryContext);
        reasons.push_back(
            {"not_found", d.text("workflow_type", type.type()).text("workflow_id", id).done(), std::nullopt});
    } else {
        const bool idle = store::reasons_of_workflow(type, id, store::now(), &reasons);
        add_functions(type, &reasons);
        if (idle) {
            store::Detail d(CurrentMemoryContext);
            reasons.push_back({"waits_for_input", d.done(), std::nullopt});
        }
    }
    put_reasons({reasons.data(), reasons.size()}, &rows);
    return rows.done();
}

FOREMAN_PUBLIC(list_workflows) {
    pg::ResultSet rows(fcinfo);
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<Datum> types(&memory);
    store::InstanceFilter f;
    const OptionalText type = optional_name(pg::optional_argument(fcinfo, 0), "workflow_type");
    f.state = optional_state(pg::optional_argument(fcinfo, 1));
    f.search = optional_object(pg::optional_argument(fcinfo, 2), "search");
    f.since = optional_instant(pg::optional_argument(fcinfo, 3), "since");
    if (const OptionalDatum before = pg::optional_argument(fcinfo, 4)) f.before = DatumGetInt64(*before);
    f.max_rows = required_count(pg::optional_argument(fcinfo, 5), "max_rows", 1, kMaxRows);
    if (type) {
        const store::WorkflowType& t = store::require_workflow_type(*type);
        if (f.search ? store::may_see_args(t.queue) : store::may_see(t.queue))
            types.push_back(pg::text_datum(*type));
    } else {
        store::seen_workflow_types(f.search.has_value(), CurrentMemoryContext, &types);
    }
    if (types.empty()) return rows.done();
    f.types = {types.data(), types.size()};
    pg::vector<int64> found(&memory);
    store::find_instances(f, &found);
    store::put_workflows({found.data(), found.size()}, &rows);
    return rows.done();
}

FOREMAN_PUBLIC(workflow_graph) {
    const store::WorkflowType& type =
        store::require_workflow_type(required_name(pg::optional_argument(fcinfo, 0), "workflow_type"));
    if (!store::may_see(type.queue)) store::require(store::Bundle::monitor, type.queue);
    return pg::text_datum(store::event_graph(type.type(), kGraphSample));
}

}  // namespace foreman::api
