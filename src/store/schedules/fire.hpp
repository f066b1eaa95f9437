// Firing: the transaction in which a schedule whose time has come makes its job. Called by engine/fire.cpp,
// which decides in which transactions; each call here is one step inside the caller's. Invariant:
// next_fire_at moves on in the transaction that enqueues the job, from the value that was read under the
// row's lock, and schedule_run has one row for an occurrence of a generation; so an occurrence fires at most
// once.
#pragma once

#include "pg/memory.hpp"
#include "store/jobs/jobs.hpp"
#include "store/schedules/schedules.hpp"

namespace foreman::store {

/// Why a schedule is looked at.
enum class FireReason : uint8 {
    due,       ///< its time has come
    buffered,  ///< what it held back may run now
    started,   ///< @reboot, and the server has started since
    ahead      ///< it fired at a time that is yet to come: the clock was set back
};

/// Ids of schedules that have a reason, in the order of their times, behind (`after`, `after_id`).
struct DueSchedule {
    int64 id;
    core::Instant at;
};
void find_due(core::Instant now, DueSchedule after, int max, pg::vector<DueSchedule>* out);
/// The same for the other reasons, which are rare; in the order of ids, behind `after`.
void find_others(FireReason reason, core::Instant now, int64 after, int max, pg::vector<int64>* out);

struct FireOutcome {
    bool found = false;  ///< false: another fires it, somebody alters it, or the reason has gone
    std::optional<int64> job_id;
};
/// does: fires one schedule, under its lock.
/// errors: 22023, 42704: it cannot go on (expression, zone or role are no more); others as enqueueing raises;
///     23505: this occurrence was fired before
FireOutcome fire_schedule(int64 id, FireReason reason, core::Instant now, MemoryContext context);
/// What a 23505 of fire_schedule() met: the run of this occurrence, or a run_id that
/// foreman.schedule_run_id_seq gave before it was set back; anything else is no reason to pass a run over.
enum class Collision : uint8 { none, occurrence, run_id };
Collision collision_of(const pg::PgError& e) noexcept;
/// does: moves that sequence behind all runs.
void move_run_ids_on();
/// A run now, outside of the timetable.
/// returns: its job
int64 trigger(const StoredSchedule& schedule, core::Instant now);
/// Moves on from an occurrence that was fired before.
void pass_over(int64 id, core::Instant now, MemoryContext context);

/// The least next_fire_at of active schedules that is after `now`, infinity when there is none; and whether
/// some are due.
struct NextFire {
    core::Instant next;
    bool due;
};
NextFire next_fire(core::Instant now);
/// Whether some schedule holds a run back until the one before it ends.
bool any_buffered();

/// What a job of a command schedule runs: the command of its run, if it was scheduled by `role`; the time of
/// its start is noted for cron.job_run_details.
/// errors: 55000 when it is not kept any more
struct ScheduledCommand {
    const char* text;
    const char* database;  // nullptr: this one
    int64 cron_job;        // of schema cron; 0: of ours
};
ScheduledCommand command_of(const Job& job, Oid role, MemoryContext context);

/// does: cancels the job of a run; a waiting one at once, a running one is interrupted and not waited for.
void cancel_run(int64 job_id, std::string_view reason, core::Instant now);

/// Forgets runs whose job is past its retention, in the order in which they fired.
class RunPruner {
  public:
    /// does:    one step of a pass, of about ten milliseconds, in the caller's transaction; the first one
    ///          begins it
    /// returns: false when the pass is complete
    /// errors:  whatever raises; the pass is given up
    bool step(core::Instant now);
    int64 removed() const noexcept { return removed_; }

  private:
    bool active_ = false;
    core::Instant before_{};
    core::Instant fired_at_ = core::kMinusInfinity;  // of the last run that was looked at
    int64 run_id_ = PG_INT64_MIN;
    int64 removed_ = 0;
};

}  // namespace foreman::store
