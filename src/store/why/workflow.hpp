// What a workflow waits for, one reason a row: its row, its inputs, effects, timers and children, and why the jobs of
// these do not run. Called by api/workflow/see.cpp. Invariant: as in why.hpp.
#pragma once

#include "store/why/why.hpp"
#include "store/workflows/types.hpp"

namespace foreman::store {

/// does: appends every reason that holds; `not_found` where there is no such workflow and no input for it.
/// returns: whether the workflow runs and nothing is under way: it waits for an input from outside
/// needs: the caller sees the type's queue; values go into CurrentMemoryContext
/// cost: a few scans by key, and the reasons of at most kMostReasons jobs
bool reasons_of_workflow(const WorkflowType& type, std::string_view id, core::Instant now,
                         pg::vector<Reason>* out);
/// Of each sort: inputs, dead inputs, effects, timers, children.
inline constexpr int kMostReasons = 100;

}  // namespace foreman::store
