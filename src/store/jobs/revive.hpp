// Retry of a job that has ended: it comes back as it was enqueued.
#pragma once

#include "store/jobs/find.hpp"

namespace foreman::store {

/// Brings a finished job back: attempt 0, due now.
/// returns: false when it is in neither place, or when a newer job, or what made it, has put something else in its
///     place: then it ends as cancelled
/// errors: 55000 when its args were not kept
bool revive(int64 job_id, Place place);

}  // namespace foreman::store
