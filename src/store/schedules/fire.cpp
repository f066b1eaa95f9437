// See fire.hpp.
#include "store/schedules/fire.hpp"

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"
#include "store/definitions/definitions.hpp"
#include "store/definitions/role_ref.hpp"
#include "store/jobs/control.hpp"
#include "store/jobs/find.hpp"
#include "store/jobs/jobs.hpp"
#include "store/jobs/requests.hpp"
#include "store/schedules/cron_runs.hpp"
#include "store/schedules/schedule_columns.hpp"

namespace foreman::store {

namespace {

constexpr int kCommandAttempts = 1;
constexpr const char* kReplaced = "replaced by the next run of its schedule";

// The compare-and-swap. @reboot has no next time before and after.
constinit pg::Statement g_move_on{
    "move_schedule_on",
    "UPDATE foreman.schedule SET next_fire_at = $3, caught_up = $4, buffered_at = $5, boot_at = $6, "
    "last_fired_at = $7, last_scheduled_at = $8, last_job_id = $9, skipped = $10 WHERE schedule_id " EQ
    " $1 AND (next_fire_at " EQ " $2 OR (next_fire_at IS NULL AND $2 IS NULL)) AND active",
    {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
     TIMESTAMPTZOID, INT8OID, INT8OID}};

constinit pg::Statement g_start_over{
    "restart_schedule",
    "UPDATE foreman.schedule SET generation = generation " PLUS
    " 1, anchor_at = $2, next_fire_at = $3, caught_up = 0, last_fired_at = NULL, last_scheduled_at = NULL "
    "WHERE schedule_id " EQ " $1",
    {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID}};

constinit pg::Statement g_note_job{"note_schedule_job",
                                   "UPDATE foreman.schedule SET last_job_id = $2 WHERE schedule_id " EQ " $1",
                                   {INT8OID, INT8OID}};

// The id of the run, and what every job of a schedule carries.
constinit pg::Statement g_new_run{
    "new_run",
    "SELECT pg_catalog.nextval('foreman.schedule_run_id_seq'), pg_catalog.jsonb_strip_nulls("
    "pg_catalog.jsonb_build_object('schedule', $1, 'scheduled_at', $2))",
    {TEXTOID, TIMESTAMPTZOID}};

constinit pg::Statement g_move_ids_on{
    "move_run_ids_on",
    "SELECT pg_catalog.setval('foreman.schedule_run_id_seq', r.most) FROM (SELECT GREATEST("
    "(SELECT pg_catalog.max(run_id) FROM foreman.schedule_run), "
    "(SELECT pg_catalog.max(run_id) FROM foreman.cron_note)) AS most) r, foreman.schedule_run_id_seq s "
    "WHERE r.most " GE " s.last_value"};

constinit pg::Statement g_insert_run{
    "insert_run",
    "INSERT INTO foreman.schedule_run (run_id, schedule_id, generation, scheduled_at, fired_at, job_id, "
    "name, kind, "
    "queue, command, run_as) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    {INT8OID, INT8OID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
     OIDOID}};

constinit pg::Statement g_command{"command_of_run",
                                  "SELECT command, $1 OPERATOR(pg_catalog.->>) 'database', schedule_id "
                                  "FROM foreman.schedule_run WHERE run_id " EQ " $2 AND job_id " EQ
                                  " $3 AND run_as::pg_catalog.oid " EQ " $4",
                                  {JSONBOID, INT8OID, INT8OID, OIDOID}};

bool role_exists(Oid role) {
    return pg::guarded([role] { return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role)); });
}

void require_role(const ScheduleSettings& set) {
    if (role_exists(set.run_as)) return;
    throw pg::Failure(ERRCODE_UNDEFINED_OBJECT, "%s", kRoleMissing);
}

// One run: its job and its row of schedule_run.
int64 make_run(const StoredSchedule& s, std::optional<core::Instant> occurrence, core::Instant now) {
    const AsOwner scope;
    const ScheduleSettings& set = s.settings;
    require_role(set);
    const bool recorded = is_recorded(s);
    pg::Args<2> r;
    r.text(1, set.name).instant(2, occurrence.value_or(now));
    const pg::Rows run = g_new_run.execute(r);
    const int64 run_id = run[0].i64(1);
    if (recorded) note_cron_run(run_id, s, now);

    NewJob job;
    job.kind = set.kind;
    job.queue = queue_of(set);
    const Handler& handler = find_handler(set.kind, job.queue);
    job.priority = set.priority ? *set.priority : find_queue(job.queue).priority;
    job.max_attempts = set.max_attempts           ? *set.max_attempts
                       : set.command              ? int16{kCommandAttempts}
                       : handler.max_attempts > 0 ? handler.max_attempts
                                                  : int16{kDefaultMaxAttempts};
    job.run_at = occurrence.value_or(now);
    job.timeout_us = set.timeout_us;
    job.args = set.args;
    job.metadata = run[0].datum(2);
    job.origin = is_cron_schedule(s.id) ? core::Origin::cron : core::Origin::schedule;
    job.origin_id = run_id;
    job.role = handler.run_as;
    // Its maker could enqueue the job itself: also when the handler came after the schedule.
    const bool vouched = set.command || vouches(set.run_as, set.kind, job.queue);
    if (!vouched && handler.exists) {
        throw pg::Failure(
            ERRCODE_INSUFFICIENT_PRIVILEGE,
            "its role has no right on queue \"%.*s\", which the handler of kind \"%.*s\" belongs to",
            static_cast<int>(handler.queue_name().size()), handler.queue_name().data(),
            static_cast<int>(set.kind.size()), set.kind.data());
    }
    job.unvouched = !vouched;
    const int64 job_id = insert_job(job).id;

    pg::Args<11> a;
    a.i64(1, run_id).i64(2, s.id).i32(3, s.generation).instant(5, now).i64(6, job_id);
    if (occurrence) a.instant(4, *occurrence);
    a.text(7, set.name).text(8, set.kind).text(9, job.queue).oid(11, set.run_as);
    if (set.command) a.text(10, *set.command);
    g_insert_run.execute(a);
    return job_id;
}

// What changes in the row when it fires.
struct Move {
    std::optional<core::Instant> next, buffered, boot, last_fired, last_scheduled;
    std::optional<int64> last_job;
    int caught_up = 0;
    int64 skipped = 0;
};
Move unchanged(const StoredSchedule& s) {
    return {s.next_fire_at,      s.buffered_at, s.boot_at,   s.last_fired_at,
            s.last_scheduled_at, s.last_job_id, s.caught_up, s.skipped};
}

bool move_on(const StoredSchedule& s, const Move& m) {
    const AsOwner scope;
    pg::Args<10> a;
    a.i64(1, s.id).i32(4, m.caught_up).i64(10, m.skipped);
    if (s.next_fire_at) a.instant(2, *s.next_fire_at);
    if (m.next) a.instant(3, *m.next);
    if (m.buffered) a.instant(5, *m.buffered);
    if (m.boot) a.instant(6, *m.boot);
    if (m.last_fired) a.instant(7, *m.last_fired);
    if (m.last_scheduled) a.instant(8, *m.last_scheduled);
    if (m.last_job) a.i64(9, *m.last_job);
    return g_move_on.execute(a).processed() > 0;
}

// An occurrence meets the run before it.
std::optional<int64> run_or_hold(const StoredSchedule& s, core::Instant occurrence, core::Instant now,
                                 Move* m) {
    m->last_fired = now;
    m->last_scheduled = occurrence;
    if (!may_begin_run(s, now)) return std::nullopt;
    require_role(s.settings);  // first: a run that waits for a role that is gone never ends
    if (s.unfinished) {
        switch (s.settings.overlap) {
            case core::Overlap::allow:
                break;
            case core::Overlap::cancel_other:
                cancel_run(*s.last_job_id, kReplaced, now);
                break;
            case core::Overlap::buffer_one:
                if (!m->buffered) {
                    m->buffered = occurrence;
                    return std::nullopt;
                }
                [[fallthrough]];
            case core::Overlap::skip:
                m->skipped++;
                return std::nullopt;
        }
    }
    m->last_job = make_run(s, occurrence, now);
    return m->last_job;
}

FireOutcome fire_due(const StoredSchedule& s, core::Instant now) {
    if (!s.next_fire_at || *s.next_fire_at > now) return {};
    const Timetable t = timetable_of(s.settings);
    const core::FirePlan plan =
        core::plan_fire(t.schedule, s.settings.missed, *s.next_fire_at, now, s.anchor, s.caught_up, t.zone);
    Move m = unchanged(s);
    m.next = plan.next;
    m.caught_up = plan.caught_up;
    FireOutcome out{true, std::nullopt};
    if (plan.occurrence) out.job_id = run_or_hold(s, *plan.occurrence, now, &m);
    if (!move_on(s, m))
        throw pg::Failure(ERRCODE_T_R_SERIALIZATION_FAILURE, "the schedule was changed meanwhile");
    return out;
}

FireOutcome fire_buffered(const StoredSchedule& s, core::Instant now) {
    if (!s.buffered_at || s.unfinished) return {};
    Move m = unchanged(s);
    m.buffered.reset();
    if (may_begin_run(s, now)) m.last_job = make_run(s, *s.buffered_at, now);
    move_on(s, m);
    return {true, m.last_job};
}

FireOutcome fire_started(const StoredSchedule& s, core::Instant now) {
    const core::Instant start{PgStartTime};
    if (!s.boot_at || *s.boot_at == start) return {};
    Move m = unchanged(s);
    m.boot = start;
    const auto job = run_or_hold(s, start, now, &m);
    move_on(s, m);
    return {true, job};
}

FireOutcome start_over(const StoredSchedule& s, core::Instant now) {
    if (!s.next_fire_at) return {};
    // One that has not fired yet waits since it was made.
    const core::Instant last = s.last_scheduled_at.value_or(s.anchor);
    if (!core::must_start_over(last, s.last_fired_at.value_or(s.anchor), *s.next_fire_at, now)) return {};
    const AsOwner scope;
    const Timetable t = timetable_of(s.settings);
    const core::Instant anchor = core::anchor_of(now);
    const auto next = t.next(now, anchor);
    pg::Args<3> a;
    a.i64(1, s.id).instant(2, anchor);
    if (next) a.instant(3, *next);
    g_start_over.execute(a);
    return {true, std::nullopt};
}

}  // namespace

void cancel_run(int64 job_id, std::string_view reason, core::Instant now) {
    Job job{};
    if (take_waiting(job_id, CurrentMemoryContext, &job)) {
        cancel_taken(job, reason, now);
        return;
    }
    if (find_job(job_id).place != Place::live) return;
    Request request{};
    request.action = core::RequestAction::cancel;
    request.reason = reason;
    insert_request(job_id, request);
}

FireOutcome fire_schedule(int64 id, FireReason reason, core::Instant now, MemoryContext context) {
    StoredSchedule s{};
    if (!read_schedule(id, Lock::skip_locked, context, &s) || !s.settings.active) return {};
    if (is_cron_schedule(s.id) && reason != FireReason::ahead && cron_is_full()) return {};
    switch (reason) {
        case FireReason::due:
            return fire_due(s, now);
        case FireReason::buffered:
            return fire_buffered(s, now);
        case FireReason::started:
            return fire_started(s, now);
        case FireReason::ahead:
            return start_over(s, now);
    }
    return {};
}

Collision collision_of(const pg::PgError& e) noexcept {
    if (e.sqlstate() != ERRCODE_UNIQUE_VIOLATION) return Collision::none;
    const std::string_view index = e.constraint();
    if (index == "schedule_run_occurrence") return Collision::occurrence;
    return index == "schedule_run_pkey" || index == "cron_note_pkey" ? Collision::run_id : Collision::none;
}

void move_run_ids_on() {
    const AsOwner scope;
    if (!g_move_ids_on.execute().empty())
        pg::log(LOG, "pg_foreman: foreman.schedule_run_id_seq stood behind runs that exist and was moved on");
}

int64 trigger(const StoredSchedule& s, core::Instant now) {
    const int64 job_id = make_run(s, std::nullopt, now);
    const AsOwner scope;
    pg::Args<2> a;
    a.i64(1, s.id).i64(2, job_id);
    g_note_job.execute(a);
    return job_id;
}

void pass_over(int64 id, core::Instant now, MemoryContext context) {
    StoredSchedule s{};
    if (!read_schedule(id, Lock::skip_locked, context, &s) || !s.next_fire_at || *s.next_fire_at > now)
        return;
    Move m = unchanged(s);
    m.next = timetable_of(s.settings).next(*s.next_fire_at, s.anchor);
    move_on(s, m);
}

ScheduledCommand command_of(const Job& job, Oid role, MemoryContext context) {
    const AsOwner scope;
    pg::Args<4> a;
    a.set(1, job.args).i64(2, job.origin_id).i64(3, job.job_id).oid(4, role);
    const pg::Rows rows = g_command.execute(a);
    if (rows.empty() || rows[0].is_null(1)) {
        throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                          "no command of a schedule is kept for job " INT64_FORMAT, job.job_id);
    }
    const pg::Row row = rows[0];
    ScheduledCommand c{pg::copy_text(row.view(1), context), nullptr, 0};
    if (!row.is_null(2)) c.database = pg::copy_text(row.view(2), context);
    if (is_cron_schedule(row.i64(3))) c.cron_job = cron_job_of(row.i64(3));
    if (job.origin == core::Origin::cron) note_cron_start(job.origin_id);
    return c;
}

}  // namespace foreman::store
