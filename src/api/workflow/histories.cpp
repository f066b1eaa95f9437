// check_workflow_type(), mask_events(): what operators do to the histories of workflows.
//
// needs: bundle operator on the type's queue, and the right to SET ROLE to the type's role, as which the functions run.
// errors: 42704 for an unknown type or workflow; 42883, 42P13 and 42501 for functions; what these raise; 25006.
// cost: a check folds `sample` histories; masking rewrites the events of one workflow, and waits for whoever holds it
#include "api/handle/type_functions.hpp"
#include "api/public_function.hpp"
#include "api/workflow/named_type.hpp"
#include "engine/workflow/check.hpp"
#include "engine/workflow/mask.hpp"
#include "pg/memory.hpp"
#include "request/arguments.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"

namespace foreman::api {

namespace {

constexpr int64 kMaxSample = 1'000'000;

// The one that is given, or the type's own.
const char* candidate(FunctionCallInfo fcinfo, int argument, const FunctionShape& shape,
                      const store::WorkflowType& type, const char* own) {
    const OptionalText given = optional_text(pg::optional_argument(fcinfo, argument));
    return given ? pg::copy_text(find_type_function(shape, *given, type.run_as)) : own;
}

}  // namespace

FOREMAN_FUNCTION(check_workflow_type) {
    pg::ResultSet rows(fcinfo);
    const store::WorkflowType& type = named_type(fcinfo, store::Bundle::operate);
    const engine::Candidate c{candidate(fcinfo, 1, kDecide, type, type.decide),
                              candidate(fcinfo, 2, kEvolve, type, type.evolve),
                              candidate(fcinfo, 3, kIsTerminal, type, type.is_terminal)};
    const int64 sample = required_count(pg::optional_argument(fcinfo, 4), "sample", 1, kMaxSample);
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<engine::Difference> differences(&memory);
    engine::check_candidate(type, c, sample, &differences);
    for (const engine::Difference& d : differences)
        rows.put(std::array<OptionalDatum, 4>{pg::text_datum(d.id), Int64GetDatum(d.sequence),
                                              pg::text_datum(d.problem), d.detail});
    return rows.done();
}

FOREMAN_FUNCTION(mask_events) {
    store::require_writable("foreman.mask_events()");
    const store::WorkflowType& type = named_type(fcinfo, store::Bundle::operate);
    const std::string_view id = required_name(pg::optional_argument(fcinfo, 1), "workflow_id");
    const std::string_view name = required_text(pg::optional_argument(fcinfo, 2), "masker");
    const char* masker = pg::copy_text(find_type_function(kMasker, name, type.run_as));
    return Int64GetDatum(engine::mask_events(type, id, masker));
}

}  // namespace foreman::api
