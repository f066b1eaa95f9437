// Roles of jobs of cron.job. The number in a job's schedule decides who it is, and its name in cron.job follows
// when the role is renamed; it has a ? before it when the role is missing. Called by cron_follow.cpp, by the
// dispatcher and by foreman.move_role().
#pragma once

#include <optional>

#include "store/schedules/cron_jobs.hpp"

namespace foreman::store {

/// The role that a job runs as: kNobody, which is nobody's, when it is missing. Nothing: the name in its row was
/// wrong and has been written, and with that the job was followed.
std::optional<Oid> role_for_job(int64 id, const CronJob& job);
/// The job's schedule is there, and does nothing until the job is given to a role.
void let_wait(int64 id, std::string_view username);
/// false: somebody has locked cron.job.
bool follow_cron_roles();
/// Those whose role is shown so.
/// returns: how many
int64 move_cron_jobs(std::string_view shown, Oid to);

}  // namespace foreman::store
