// Runs of the jobs of cron.job, as cron.job_run_details is to tell them: notes in foreman.cron_note, which
// the clerk copies (store/schedules/cron_records.hpp). A run that is recorded has a note
// under its run_id, which its job has as origin_id (origin c). Called where runs begin,
// store/schedules/fire.cpp, and as an observer of ends, store/jobs/ended.hpp. Invariants: only the job that
// was made for a run changes its note; nothing here waits for a lock on a table of schema cron, nor runs a
// trigger of one.
#pragma once

#include "store/jobs/jobs.hpp"
#include "store/schedules/cron_jobs.hpp"

namespace foreman::store {

/// Whether an occurrence may run: cron.launch_active_jobs and cron.enable_superuser_jobs can forbid it. One
/// whose role is no more is recorded as failed. Always true for schedules that are not of schema cron.
bool may_begin_run(const StoredSchedule& s, core::Instant now);
/// Whether cron.max_running_jobs runs wait or run already: an occurrence waits then, as long as it is no
/// missed one.
bool cron_is_full();
/// Whether a run of this schedule is recorded: not when it is none of schema cron, or cron.log_run is off.
/// errors: 42704: there is no such job
bool is_recorded(const StoredSchedule& s);
/// does: notes that a run begins.
void note_cron_run(int64 run_id, const StoredSchedule& s, core::Instant now);
/// Its command starts in this process.
void note_cron_start(int64 run_id);
/// Has the ends of jobs that are runs of cron jobs noted; such a job runs once, whatever ends it.
void observe_cron_runs() noexcept;

}  // namespace foreman::store
