// Which of the jobs that were just locked may run now: those whose keys this process may hold. The others are
// parked in the same transaction, and the dispatcher lets them go on. Used by executors, run_once(), lane
// procedure and claim(). Invariant: jobs of one sequence stay in the order of their ids, and none of them
// starts before an older one that has not ended.
#pragma once

#include "board/queue_limits.hpp"
#include "pg/memory.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::store {

/// does: keeps in `jobs`, from index `first` on, what may run, in order; parks the rest. Those before `first`
///     count as jobs of the same group.
/// returns: false when the board has no room for the keys of some, which wait as they are: whoever claims
///     leaves their range alone for a while.
/// cost: nothing for jobs that have a unique key only
bool pass_gate(pg::vector<Job>* jobs, std::size_t first, board::Running running);

}  // namespace foreman::store
