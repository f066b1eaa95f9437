// The rows that jobs leave in job_history when they complete or are cancelled. Called by record_ended() only.
#pragma once

#include <span>

#include "store/jobs/jobs.hpp"

namespace foreman::store {

/// does: appends a row for each, in the caller's transaction.
/// needs: AsOwner
void write_history(std::span<const Ended* const> ended);

}  // namespace foreman::store
