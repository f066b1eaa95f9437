// A job as SQL sees it: a value of the composite type foreman.job.
#pragma once

#include "store/jobs/jobs.hpp"

namespace foreman::store {

/// The job with the attempt that runs, in CurrentMemoryContext.
Datum job_datum(const Job& job, int attempt);

}  // namespace foreman::store
