// Jobs whose expires_at has passed before they began; called by the dispatcher's duty.
#pragma once

#include "store/jobs/jobs.hpp"

namespace foreman::store {

/// Cancels up to `max` waiting jobs whose expires_at has passed; next: the earliest that is left.
int64 expire_jobs(core::Instant now, int max, core::Instant* next);

}  // namespace foreman::store
