// The jobs of kind "workflow:TYPE": they handle the inputs that come later, in their order.
// Invariant: an input is handled in the transaction of a job that runs, before or with the job of its own.
#pragma once

#include "store/jobs/jobs.hpp"

namespace foreman::engine {

/// does: handles the input that the job was made for, and those of its workflow that wait before it; or fires a timer
///     of a workflow. Where somebody else holds the instance, the job comes back soon instead of waiting.
/// needs: to be the handler that runs; a subtransaction of its own
/// errors: those of handle_input(), for the job's own input only
void run_workflow_job(const store::Job& job);

}  // namespace foreman::engine
