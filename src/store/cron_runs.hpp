// Runs of the jobs of cron.job, as cron.job_run_details tells them. A run that is logged has the id of its
// row with a minus as its run_id in foreman.schedule_run, and the args of its job name that. Called where
// runs begin and end: store/fire.cpp, store/finish.cpp, store/settle.cpp. Invariant: only the job that was
// made for a run writes its row.
#pragma once

#include "store/cron_jobs.hpp"
#include "store/jobs.hpp"

namespace foreman::store {

/// Reason of a run that its process did not survive.
inline constexpr const char* kServerRestarted = "server restarted";

/// Whether an occurrence may run: cron.launch_active_jobs and cron.enable_superuser_jobs can forbid it. One
/// whose role is no more is recorded as failed. Always true for schedules that are not of schema cron.
bool may_begin_run(const StoredSchedule& s, Instant now);
/// Whether cron.max_running_jobs runs wait or run already: an occurrence waits then, as long as it is no
/// missed one.
bool cron_is_full();
/// does: records that a run of this job begins.  returns: its run_id; nothing when cron.log_run is off
/// errors 42704: there is no such job
std::optional<int64> begin_cron_run(int64 cron_job);
/// Its command starts in this process.
void note_cron_start(int64 run_id);
/// does: records the ends of those that are runs of cron jobs.  cost: a comparison for every other job
void note_cron_ends(std::span<const Ended> ended);
/// Whether this is a run of a cron job: it runs once, whatever ends it.
bool is_cron_run(const Job& job);

}  // namespace foreman::store
