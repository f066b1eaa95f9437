// The schedules that stand for jobs of cron.job. Called by the triggers of cron.job and by the dispatcher.
// Invariant: a schedule with a negative id is never fired as a role that could not have written its row.
#pragma once

#include "store/schedules/cron_jobs.hpp"

namespace foreman::store {

/// does: makes, changes or removes the schedule of a job so that it is as the row says; one that is removed
///     or switched off has its run cancelled. say: a row that cannot run is logged.
void follow_cron_job(int64 id, bool say);
/// One pass over all jobs whose schedule is not as it should be, after a restore all of them, goes in steps.
struct CronPass {
    static constexpr int64 kFromTheFirst = PG_INT64_MIN;
    enum Step { locked, more, done };
    int64 after = kFromTheFirst;  ///< where the next step begins
    Step step = locked;           ///< locked: somebody has locked cron.job, and nothing was done
};
/// does: follow_cron_job() for the next of them, at most a thousand. Those that cannot run stay as they are,
///     and do not keep the pass from the others.
void follow_cron_jobs(CronPass* pass);
/// Forgets all of them, and runs that have not begun: TRUNCATE, DROP EXTENSION.
void forget_cron_jobs();
/// cron.launch_active_jobs was switched off: what runs is cancelled.
void cancel_cron_runs();

}  // namespace foreman::store
