// Personal data taken out of the history of a workflow.
#pragma once

#include <string_view>

#include "store/workflows/types.hpp"

namespace foreman::engine {

/// does: replaces the data of each event of a workflow, and of those that it continues, by what `masker` answers for it,
///     unless that is NULL; folds the state anew; and records an event foreman.Masked.
/// masker: f(event jsonb) returns jsonb, by its qualified name; it runs as the type's role
/// returns: how many events changed
/// errors: 42704 there is no such workflow; what masker and evolve raise
int64 mask_events(const store::WorkflowType& type, std::string_view id, const char* masker);

}  // namespace foreman::engine
