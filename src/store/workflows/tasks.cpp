// See tasks.hpp.
#include "store/workflows/tasks.hpp"

#include <string>

#include "pg/call.hpp"
#include "pg/spi.hpp"
#include "pg/xact.hpp"
#include "store/commit/remember.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/definitions.hpp"
#include "store/jobs/control.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::store {

namespace {

// A task that fails this often is parked: it would fail for ever.
constexpr int16 kTaskAttempts = 10;

constinit pg::Statement g_task{"workflow_task",
                               "SELECT task, state " EQ
                               " 'r' AND parked IS NULL, worker_version FROM foreman.workflow_instance WHERE "
                               "instance " EQ " $1",
                               {INT8OID}};
// Locked, so that nobody leases it who does not see what this transaction adds. One that somebody leases now, who locks
// its row FOR NO KEY UPDATE, is not found: he may have read the history already.
constinit pg::Statement g_waits{"workflow_task_waits",
                                "SELECT 1 FROM foreman.live_job WHERE job_id " EQ " $1 AND state " NE
                                " 'r'::pg_catalog.\"char\" FOR SHARE SKIP LOCKED",
                                {INT8OID}};
constinit pg::Statement g_set_task{"set_workflow_task",
                                   "UPDATE foreman.workflow_instance SET task = $2 WHERE instance " EQ " $1",
                                   {INT8OID, INT8OID}};
constinit pg::Statement g_finish_task{
    "finish_workflow_task",
    "UPDATE foreman.workflow_instance SET unseen = 0, task = CASE WHEN task " NE
    " $2 THEN task END WHERE instance " EQ " $1 AND state " EQ " 'r'",
    {INT8OID, INT8OID}};
constinit pg::Statement g_task_args{
    "workflow_task_args",
    "SELECT pg_catalog.jsonb_build_object('workflow_type', $1, 'workflow_id', $2)",
    {TEXTOID, TEXTOID}};
constinit pg::Statement g_read{
    "read_workflow_task",
    "SELECT i.workflow_type, i.workflow_id, i.worker_version, i.sequence, i.state " EQ
    " 'r' AND i.parked IS NULL, COALESCE((SELECT "
    "pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('sequence', e.sequence, 'type', e.event_type, "
    "'data', "
    "e.data, 'at', e.recorded_at) ORDER BY e.sequence) FROM foreman.workflow_event e WHERE e.instance " EQ
    " i.instance), '[]') FROM foreman.workflow_instance i WHERE i.instance " EQ " $1",
    {INT8OID}};
constinit pg::Statement g_pin{
    "pin_workflow_version",
    "UPDATE foreman.workflow_instance SET worker_version = $2 WHERE instance " EQ
    " ANY (ARRAY (SELECT i.instance FROM foreman.workflow_instance i WHERE i.instance " EQ
    " $1 AND i.worker_version IS NULL FOR NO KEY UPDATE SKIP LOCKED))",
    {INT8OID, TEXTOID}};
constinit pg::Statement g_leased{"leased_workflow_task",
                                 "SELECT job_id FROM foreman.live_job WHERE queue " EQ
                                 " $1 AND sequence_key " EQ " $2 AND sequence_key IS NOT NULL AND token " EQ
                                 " $3 AND origin " EQ " 'd' AND state " EQ " 'r'::pg_catalog.\"char\"",
                                 {TEXTOID, TEXTOID, UUIDOID}};
constinit pg::Statement g_park{"park_workflow",
                               "UPDATE foreman.workflow_instance SET task = NULL, parked = "
                               "pg_catalog.jsonb_build_object('at', $4, 'reason', "
                               "$2) " CAT " COALESCE($3, '{}') WHERE instance " EQ
                               " $1 RETURNING workflow_type, (SELECT b.parked IS NULL FROM "
                               "foreman.workflow_instance b WHERE b.instance " EQ " $1)",
                               {INT8OID, TEXTOID, JSONBOID, TIMESTAMPTZOID}};
constinit pg::Statement g_resume{
    "resume_workflow",
    "UPDATE foreman.workflow_instance SET parked = NULL, worker_version = NULL WHERE instance " EQ
    " $1 AND parked IS NOT NULL RETURNING workflow_type",
    {INT8OID}};
// The index of unique keys is in byte order, and ; comes after :.
// The sum keeps the planner from the primary key, which it would read whole for that order.
constinit pg::Statement g_wait_timer{
    "workflow_wait_timer",
    "SELECT pg_catalog.substr(unique_key, pg_catalog.strpos(unique_key, ':') " PLUS
    " 1) FROM foreman.live_job WHERE kind " EQ " $1 AND unique_key " GE " ($2::pg_catalog.text " CAT
    " ':') AND unique_key " LT " ($2::pg_catalog.text " CAT " ';') AND unique_as " EQ
    " ANY ('{t,s}'::pg_catalog.\"char\"[]) AND (args OPERATOR(pg_catalog.->>) 'name') " EQ
    " $3 AND pg_catalog.starts_with(args OPERATOR(pg_catalog.->>) 'type', 'signal_timed_out:') ORDER BY "
    "job_id " PLUS " 0 LIMIT 1",
    {TEXTOID, INT8OID, TEXTOID}};
constinit pg::Statement g_timer_payload{
    "workflow_timer_payload",
    "SELECT pg_catalog.jsonb_build_object('type', $1 " CAT " ':' " CAT " $2::pg_catalog.text) " CAT
    " CASE WHEN $3 IS NULL THEN '{}' ELSE pg_catalog.jsonb_build_object('name', $3) END",
    {TEXTOID, INT8OID, TEXTOID}};
constinit pg::Statement g_given{
    "workflow_given_event",
    "SELECT pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('type', $1, 'data', "
    "pg_catalog.jsonb_build_object('input', $2) " CAT
    " CASE WHEN $3 IS NULL THEN '{}' ELSE pg_catalog.jsonb_build_object('name', $3) END))",
    {TEXTOID, JSONBOID, TEXTOID}};
constinit pg::Statement g_told{
    "workflow_told_event",
    "SELECT pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('type', $1, 'data', ($2 "
    "OPERATOR(pg_catalog.-) 'type') " CAT
    " CASE WHEN $3 IS NULL THEN '{}' ELSE pg_catalog.jsonb_build_object('sequence', $3) END))",
    {TEXTOID, JSONBOID, INT8OID}};

std::string_view number_text(int64 number) {
    const char* text = pg::guarded([number]() -> const char* { return psprintf(INT64_FORMAT, number); });
    return {text, std::strlen(text)};
}

}  // namespace

std::string_view task_kind(std::string_view type, std::string_view version) {
    pg::ContextResource memory(CurrentMemoryContext);
    pg::string kind(core::kTaskKind, &memory);
    kind += type;
    if (!version.empty()) kind.append("@").append(version);
    return {pg::copy_text(kind), kind.size()};
}

void make_task_due(const WorkflowType& t, std::string_view id, int64 instance) {
    const AsOwner scope;
    pg::Args<1> one;
    one.i64(1, instance);
    const pg::Rows rows = g_task.execute(one);
    if (rows.empty() || !rows[0].boolean(2)) return;
    if (!rows[0].is_null(1)) {
        pg::Args<1> task;
        task.i64(1, rows[0].i64(1));
        if (!g_waits.execute(task).empty()) return;
    }
    NewJob job;
    job.kind = task_kind(t.type(), rows[0].is_null(3) ? std::string_view{} : rows[0].view(3));
    job.queue = t.queue;
    job.priority = find_queue(t.queue).priority;
    job.max_attempts = kTaskAttempts;
    job.run_at = now();
    job.sequence_key = number_text(instance);
    pg::Args<2> names;
    names.text(1, t.type()).text(2, id);
    job.args = pg::copy_varlena(g_task_args.execute(names)[0].datum(1));
    job.origin = core::Origin::workflow_task;
    job.origin_id = instance;
    job.id = next_job_id();
    insert_job(job);
    pg::Args<2> a;
    a.i64(1, instance).i64(2, job.id);
    g_set_task.execute(a);
}

bool drop_task(int64 instance) {
    const AsOwner scope;
    pg::Args<1> one;
    one.i64(1, instance);
    const pg::Rows rows = g_task.execute(one);
    if (rows.empty() || rows[0].is_null(1)) return false;
    const int64 task = rows[0].i64(1);
    pg::Args<2> none;
    none.i64(1, instance);
    g_set_task.execute(none);  // before its end is told: it was nobody's failure
    Job job{};
    if (!take_waiting(task, CurrentMemoryContext, &job)) return false;
    delete_taken(job);
    return true;
}

void finish_task(int64 instance, int64 job_id) {
    const AsOwner scope;
    pg::Args<2> a;
    a.i64(1, instance).i64(2, job_id);
    g_finish_task.execute(a);
}

bool read_task(int64 instance, MemoryContext context, Task* out) {
    const AsOwner scope;
    const pg::LatestSnapshot latest;
    pg::Args<1> a;
    a.i64(1, instance);
    const pg::Rows rows = g_read.execute(a, true);
    if (rows.empty()) return false;
    const pg::Row r = rows[0];
    *out = {r.copy(1, context), r.copy(2, context), r.copy(3, context),
            r.i64(4),           r.boolean(5),       pg::copy_varlena(r.datum(6), context)};
    return true;
}

void pin_version(int64 instance, std::string_view version) {
    const AsOwner scope;
    pg::Args<2> a;
    a.i64(1, instance).text(2, version);
    g_pin.execute(a);
}

std::optional<int64> find_leased_task(const WorkflowType& t, int64 instance, const pg::UuidBytes& token) {
    const AsOwner scope;
    pg::Args<3> a;
    a.text(1, t.queue).text(2, number_text(instance)).set(3, pg::uuid_datum(token));
    const pg::Rows rows = g_leased.execute(a);
    if (rows.empty()) return std::nullopt;
    return rows[0].i64(1);
}

void park_instance(int64 instance, std::string_view reason, std::optional<Datum> details, core::Instant at) {
    const AsOwner scope;
    pg::Args<4> a;
    a.i64(1, instance).text(2, reason).instant(4, at);
    if (details) a.set(3, *details);
    for (const pg::Row r : g_park.execute(a)) {
        if (r.boolean(2)) remember_workflow_count(r.view(1), board::WorkflowCount::parked);
    }
}

bool resume_instance(int64 instance) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, instance);
    const pg::Rows rows = g_resume.execute(a);
    for (const pg::Row r : rows) remember_workflow_count(r.view(1), board::WorkflowCount::parked, -1);
    return !rows.empty();
}

std::optional<std::string_view> find_wait_timer(const WorkflowType& t, int64 instance,
                                                std::string_view name) {
    const MemoryContext context = CurrentMemoryContext;
    const AsOwner scope;
    pg::Args<3> a;
    a.text(1, t.kind).i64(2, instance).text(3, name);
    const pg::Rows rows = g_wait_timer.execute(a);
    if (rows.empty()) return std::nullopt;
    return rows[0].copy(1, context);
}

Datum timer_payload(std::string_view word, int64 sequence, std::string_view name) {
    const MemoryContext context = CurrentMemoryContext;
    const AsOwner scope;
    pg::Args<3> a;
    a.text(1, word).i64(2, sequence);
    if (!name.empty()) a.text(3, name);
    return pg::copy_varlena(g_timer_payload.execute(a)[0].datum(1), context);
}

Datum given_event(std::string_view event_type, Datum payload, std::optional<std::string_view> name) {
    const MemoryContext context = CurrentMemoryContext;
    const AsOwner scope;
    pg::Args<3> a;
    a.text(1, event_type).set(2, payload);
    if (name) a.text(3, *name);
    return pg::copy_varlena(g_given.execute(a)[0].datum(1), context);
}

Datum told_event(std::string_view event_type, Datum payload, std::optional<int64> sequence) {
    const MemoryContext context = CurrentMemoryContext;
    const AsOwner scope;
    pg::Args<3> a;
    a.text(1, event_type).set(2, payload);
    if (sequence) a.i64(3, *sequence);
    return pg::copy_varlena(g_told.execute(a)[0].datum(1), context);
}

}  // namespace foreman::store
