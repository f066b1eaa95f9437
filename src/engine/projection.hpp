// The jobs of kind "projection:NAME": they give a projection's handler the events that it has not seen.
// Invariant: what the handler did with an event and the position behind it are one transaction.
#pragma once

#include "store/definitions/definitions.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::engine {

/// does: calls the handler for the events behind the projection's position, for about kProjectionTime. An event that
///     fails ends the pass after what went well; it fails the job when it comes first in a pass. A projection that is to
///     take the place of another one does so when it has come as far.
/// needs: to be the handler that runs, with the identity of its role; a subtransaction of its own
/// errors: the handler's own; 42883 and 42501 for its function; 40001 when somebody else moved the position
void run_projection_job(const store::Handler& handler, const store::Job& job, bool in_executor);

}  // namespace foreman::engine
