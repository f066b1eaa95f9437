// What outside workers get: due jobs of the ranges that they may claim, in the order in which they are due. Used by
// claim() and claim_workflow_task().
#pragma once

#include "pg/memory.hpp"
#include "store/jobs/leases.hpp"
#include "store/jobs/outside_choice.hpp"

namespace foreman::engine {

/// does: leases up to `qty` due jobs that pass the filter. Never waits: rows that somebody holds are skipped. Looks at
///     the database as it is now, also under REPEATABLE READ.
/// needs: the rights of the caller on the queues were checked; what is leased lives in `memory`
/// errors: 53400 when the board has no room for the keys of any
/// cost: one index scan per range and about 6 us a job
void claim_outside(const store::OutsideFilter& filter, const store::LeaseClaim& claim, int qty,
                   pg::ContextResource* memory, pg::vector<store::LeasedJob>* out);

}  // namespace foreman::engine
