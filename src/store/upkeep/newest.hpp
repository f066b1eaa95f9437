// The newest jobs, runs and events that a role may see: what dashboards ask first. The views answer for given
// ids in milliseconds, but to sort them they read everything; these functions find the ids.
//
// Invariant: of a queue that the caller holds no bundle for, no id is answered.
#pragma once

#include <optional>
#include <string_view>

#include "pg/memory.hpp"
#include "pg/prelude.hpp"

namespace foreman::store {

struct NewestFilter {
    std::optional<std::string_view> kind, queue, state;
    int64 before_id = PG_INT64_MAX;
    int64 max_rows = 0;
};

/// does: appends the ids of the newest jobs that match, in no order, at least max_rows where there are as
///     many. state is one of the nine; what is added may have another state by now.
/// cost: walks jobs from the newest; from the 5,000th that waits on, the index entries of the queue or the kind;
///     from the 85,000th of history on, only blocks that can hold the kind, the queue or the state
void newest_jobs(const NewestFilter& filter, pg::vector<int64>* ids);

/// The same of runs of schedules, by run_id; kind is the name of the schedule here.
void newest_runs(const NewestFilter& filter, pg::vector<int64>* ids);

/// does: appends the ids of the jobs that the newest events belong to: enqueued, started, failed or ended
///     last. Of failures those of the 10,000 newest retryable jobs are considered.
void newest_active_jobs(const NewestFilter& filter, pg::vector<int64>* ids);

}  // namespace foreman::store
