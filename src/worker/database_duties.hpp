// The duties of the dispatcher that see to its database: whether it may run jobs, settings and roles,
// statistics, schedules and cron.job, partitions and retention. See duty.hpp; each is an entry of
// duty_table.cpp.
#pragma once

#include "worker/duty.hpp"

namespace foreman::worker {

core::Again read_queues(DutyState& s, Turn& turn);
core::Again look_at_identity(DutyState& s, Turn& turn);
core::Again follow_roles(DutyState& s, Turn& turn);
core::Again end_minute(DutyState& s, Turn& turn);
core::Again count_jobs(DutyState& s, Turn& turn);
core::Again count_split(DutyState& s, Turn& turn);
core::Again keep_clerk(DutyState& s, Turn& turn);
core::Again follow_cron_jobs(DutyState& s, Turn& turn);
core::Again hold_cron_jobs(DutyState& s, Turn& turn);
core::Again fire_schedules(DutyState& s, Turn& turn);
core::Again make_partitions(DutyState& s, Turn& turn);
core::Again prune_runs(DutyState& s, Turn& turn);
core::Again prune_history(DutyState& s, Turn& turn);

}  // namespace foreman::worker
