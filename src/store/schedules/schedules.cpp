// See schedules.hpp.
#include "store/schedules/schedules.hpp"

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"
#include "store/commit/remember.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/definitions.hpp"
#include "store/schedules/schedule_columns.hpp"

namespace foreman::store {

namespace {

constinit pg::Statement g_by_name{"schedule_by_name",
                                  "SELECT " SCHEDULE_COLUMNS " FROM foreman.schedule s WHERE s.name " EQ
                                  " $1",
                                  {TEXTOID}};
constinit pg::Statement g_by_id{"schedule_by_id",
                                "SELECT " SCHEDULE_COLUMNS " FROM foreman.schedule s WHERE s.schedule_id " EQ
                                " $1",
                                {INT8OID}};
constinit pg::Statement g_lock{"lock_schedule",
                               "SELECT 1 FROM foreman.schedule s WHERE s.schedule_id " EQ
                               " $1 FOR NO KEY UPDATE",
                               {INT8OID}};
constinit pg::Statement g_lock_free{"lock_free_schedule",
                                    "SELECT 1 FROM foreman.schedule s WHERE s.schedule_id " EQ
                                    " $1 FOR NO KEY UPDATE SKIP LOCKED",
                                    {INT8OID}};

constinit pg::Statement g_insert{
    "insert_schedule",
    "INSERT INTO foreman.schedule (schedule_id, name, schedule, kind, command, args, queue, timezone, "
    "missed, "
    "overlap, active, priority, max_attempts, timeout_us, run_as, created_at, anchor_at, next_fire_at, "
    "boot_at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) "
    "ON CONFLICT (name) DO NOTHING",
    {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, TEXTOID, TEXTOID, CHAROID, CHAROID, BOOLOID,
     INT2OID, INT2OID, INT8OID, OIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID}};

constinit pg::Statement g_update{
    "update_schedule",
    "UPDATE foreman.schedule SET name = $2, schedule = $3, kind = $4, command = $5, args = $6, queue = $7, "
    "timezone = $8, missed = $9, overlap = $10, active = $11, priority = $12, max_attempts = $13, timeout_us "
    "= $14, "
    "run_as = CASE WHEN run_as::pg_catalog.oid " EQ
    " $15 THEN run_as ELSE $15::foreman.role_ref END WHERE schedule_id " EQ " $1",
    {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, TEXTOID, TEXTOID, CHAROID, CHAROID, BOOLOID,
     INT2OID, INT2OID, INT8OID, OIDOID}};

constinit pg::Statement g_start_over{
    "start_schedule_over",
    "UPDATE foreman.schedule SET generation = generation " PLUS
    " 1, anchor_at = $2, next_fire_at = $3, boot_at = $4, "
    "caught_up = 0, buffered_at = NULL, last_fired_at = NULL, last_scheduled_at = NULL, error = NULL, "
    "error_at = NULL WHERE schedule_id " EQ " $1",
    {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID}};

constinit pg::Statement g_delete{
    "delete_schedule", "DELETE FROM foreman.schedule WHERE schedule_id " EQ " $1", {INT8OID}};

constinit pg::Statement g_disable{
    "disable_schedule",
    "UPDATE foreman.schedule SET active = false, error = $2, error_at = $3 WHERE schedule_id " EQ
    " $1 RETURNING name",
    {INT8OID, TEXTOID, TIMESTAMPTZOID}};

constinit pg::Statement g_next_id{"next_schedule_id", "SELECT pg_catalog.nextval('foreman.schedule_id_seq')"};

constinit pg::Statement g_command_kind{"command_kind",
                                       "SELECT kind FROM foreman.handler WHERE shape " EQ
                                       " 's' AND run_as::pg_catalog.oid " EQ " $1 ORDER BY kind LIMIT 1",
                                       {OIDOID}};

constinit pg::Statement g_make_command_kind{
    "make_command_kind",
    "INSERT INTO foreman.handler (kind, shape, lane, queue, run_as, registered_at) VALUES ($1 " CAT
    " pg_catalog.nextval('foreman.schedule_id_seq')::pg_catalog.text, 's', 'procedure', 'default', $2, $3) "
    "ON CONFLICT (kind) DO NOTHING RETURNING kind",
    {TEXTOID, OIDOID, TIMESTAMPTZOID}};

std::string_view copied(std::string_view text, MemoryContext context) {
    return {pg::copy_text(text, context), text.size()};
}

std::optional<core::Instant> optional_instant(const pg::Row& row, int column) {
    return row.is_null(column) ? std::nullopt : std::optional(row.instant(column));
}

template <int N>
void set_instant(pg::Args<N>* a, int number, std::optional<core::Instant> value) {
    if (value) a->instant(number, *value);
}

template <int N>
void set_settings(pg::Args<N>* a, int64 id, const ScheduleSettings& s) {
    a->i64(1, id).text(2, s.name).text(3, s.expression).text(4, s.kind).set(6, s.args).text(8, s.timezone);
    a->letter(9, s.missed).letter(10, s.overlap).boolean(11, s.active);
    if (s.command) a->text(5, *s.command);
    if (s.queue) a->text(7, *s.queue);
    if (s.priority) a->i16(12, *s.priority);
    if (s.max_attempts) a->i16(13, *s.max_attempts);
    if (s.timeout_us) a->i64(14, *s.timeout_us);
    a->oid(15, s.run_as);
}

// When a schedule that starts now is due, and what @reboot has fired for.
struct Seed {
    core::Instant anchor;
    std::optional<core::Instant> next, boot;
};
Seed seed_of(const ScheduleSettings& s, core::Instant now) {
    Seed seed{core::anchor_of(now), std::nullopt, std::nullopt};
    const Timetable t = timetable_of(s);
    seed.next = t.next(now, seed.anchor);
    if (t.schedule.type == core::ScheduleType::reboot) seed.boot = core::Instant{PgStartTime};
    return seed;
}

bool read_one(const pg::Rows& rows, MemoryContext context, StoredSchedule* out) {
    if (rows.empty()) return false;
    copy_schedule(rows[0], context, out);
    return true;
}

}  // namespace

void copy_schedule(const pg::Row& row, MemoryContext context, StoredSchedule* out) {
    ScheduleSettings& s = out->settings;
    out->id = row.i64(1);
    s.name = copied(row.view(2), context);
    s.expression = copied(row.view(3), context);
    s.kind = copied(row.view(4), context);
    if (!row.is_null(5)) s.command = copied(row.view(5), context);
    s.args = pg::copy_varlena(row.datum(6), context);
    if (!row.is_null(7)) s.queue = copied(row.view(7), context);
    s.timezone = copied(row.view(8), context);
    s.missed = row.letter_of<core::Missed>(9);
    s.overlap = row.letter_of<core::Overlap>(10);
    s.active = row.boolean(11);
    if (!row.is_null(12)) s.priority = row.i16(12);
    if (!row.is_null(13)) s.max_attempts = row.i16(13);
    if (!row.is_null(14)) s.timeout_us = row.i64(14);
    s.run_as = row.oid(15);
    out->generation = row.i32(16);
    out->anchor = row.instant(17);
    out->next_fire_at = optional_instant(row, 18);
    out->last_fired_at = optional_instant(row, 19);
    out->last_scheduled_at = optional_instant(row, 20);
    out->buffered_at = optional_instant(row, 21);
    out->boot_at = optional_instant(row, 22);
    out->caught_up = row.i32(23);
    out->skipped = row.i64(24);
    out->last_job_id = row.is_null(25) ? std::nullopt : std::optional<int64>(row.i64(25));
    out->unfinished = row.boolean(26);
}

Timetable timetable_of(const ScheduleSettings& s) {
    core::Schedule parsed;
    const core::ScheduleFault fault = core::parse_schedule(s.expression, core::CronDialect::foreman, &parsed);
    if (fault.any()) {
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "schedule \"%.*s\" is not allowed",
                          static_cast<int>(std::min<std::size_t>(s.expression.size(), 96)),
                          s.expression.data())
            .detail("At position %zu: %.*s.", fault.position + 1, static_cast<int>(fault.allowed.size()),
                    fault.allowed.data())
            .hint(
                "Allowed: cron fields as in '5 4 * * *', a name as in '@daily', an interval as in '90 "
                "minutes'.");
    }
    const std::optional<pg::TimeZone> zone = pg::find_time_zone(s.timezone);
    if (!zone) {
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "timezone \"%.*s\" does not exist",
                          static_cast<int>(std::min<std::size_t>(s.timezone.size(), 96)), s.timezone.data())
            .hint(
                "Allowed: the names in pg_catalog.pg_timezone_names, as in 'UTC' and 'Europe/Berlin'. Not "
                "offsets as in '+03' or 'UTC+3', which POSIX counts to the west; 'Etc/GMT-3' is three hours "
                "east of Greenwich.");
    }
    return {parsed, *zone};
}

std::string_view queue_of(const ScheduleSettings& s) {
    return s.queue ? *s.queue : find_handler(s.kind).home_queue();
}

bool read_schedule(std::string_view name, Lock lock, MemoryContext context, StoredSchedule* out) {
    const AsOwner scope;
    pg::Args<1> a;
    a.text(1, name);
    if (!read_one(g_by_name.execute(a), context, out)) return false;
    return lock == Lock::none || read_schedule(out->id, lock, context, out);
}

// Locked first and read in a statement of its own, which sees what the lock waited for.
bool read_schedule(int64 id, Lock lock, MemoryContext context, StoredSchedule* out) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, id);
    if (lock == Lock::wait && g_lock.execute(a).empty()) return false;
    if (lock == Lock::skip_locked && g_lock_free.execute(a).empty()) return false;
    return read_one(g_by_id.execute(a), context, out);
}

int64 next_schedule_id() {
    const AsOwner scope;
    return g_next_id.execute()[0].i64(1);
}

bool insert_schedule(int64 id, const ScheduleSettings& s, core::Instant now) {
    const AsOwner scope;
    const Seed seed = seed_of(s, now);
    pg::Args<19> a;
    set_settings(&a, id, s);
    a.instant(16, now).instant(17, seed.anchor);
    set_instant(&a, 18, seed.next);
    set_instant(&a, 19, seed.boot);
    if (g_insert.execute(a).processed() == 0) return false;
    if (s.active && seed.next) remember_fire(*seed.next);
    return true;
}

void update_schedule(int64 id, const ScheduleSettings& s, bool start_over, core::Instant now) {
    const AsOwner scope;
    const Seed seed = seed_of(s, now);
    pg::Args<15> a;
    set_settings(&a, id, s);
    g_update.execute(a);
    if (start_over) {
        pg::Args<4> o;
        o.i64(1, id).instant(2, seed.anchor);
        set_instant(&o, 3, seed.next);
        set_instant(&o, 4, seed.boot);
        g_start_over.execute(o);
    }
    // Also for one that was locked when it was due.
    remember_fire(start_over && seed.next ? *seed.next : now);
}

bool delete_schedule(int64 id) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, id);
    return g_delete.execute(a).processed() > 0;
}

std::string_view command_kind_of(Oid role, MemoryContext context) {
    const AsOwner scope;
    pg::Args<1> a;
    a.oid(1, role);
    {
        const pg::Rows known = g_command_kind.execute(a);
        if (!known.empty()) return copied(known[0].view(1), context);
    }
    pg::Args<3> m;
    m.text(1, kCommandKind).oid(2, role).instant(3, pg::clock_now());
    for (;;) {  // a name that somebody else has taken is passed over
        const pg::Rows made = g_make_command_kind.execute(m);
        if (made.empty()) continue;
        const std::string_view kind = copied(made[0].view(1), context);
        announce_change(schema().handler);
        remember_kind(kind, role);
        return kind;
    }
}

std::string_view disable_schedule(int64 id, std::string_view error, core::Instant now,
                                  MemoryContext context) {
    const AsOwner scope;
    pg::Args<3> a;
    a.i64(1, id).text(2, error).instant(3, now);
    const pg::Rows rows = g_disable.execute(a);
    return rows.empty() ? std::string_view{} : copied(rows[0].view(1), context);
}

}  // namespace foreman::store
