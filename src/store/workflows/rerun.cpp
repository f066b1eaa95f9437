// See rerun.hpp.
#include "store/workflows/rerun.hpp"

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/spi.hpp"
#include "store/commit/remember.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/definitions.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::store {

namespace {

constinit pg::Statement g_undone{"workflow_has_undone",
                                 "SELECT FROM foreman.workflow_effect WHERE instance " EQ " $1 AND state " EQ
                                 " ANY ('{u,n,d}'::pg_catalog.\"char\"[]) LIMIT 1",
                                 {INT8OID}};

// The effect that was noted, or the last timer that was discarded.
constinit pg::Statement g_dead{
    "workflow_failed_on",
    "SELECT d.job_id FROM foreman.workflow_instance i JOIN foreman.workflow_effect e ON e.effect " EQ
    " i.failed_effect JOIN foreman.dead_letter d ON d.job_id " EQ " e.job_id WHERE i.instance " EQ
    " $1 UNION ALL (SELECT d.job_id FROM foreman.dead_letter d WHERE d.origin " EQ
    " ANY ('{e,i,t,u}'::pg_catalog.\"char\"[]) AND d.origin " EQ " 't' AND d.origin_id " EQ
    " $1 AND d.kind " EQ
    " $2 AND (SELECT i.failed_effect IS NULL FROM foreman.workflow_instance i WHERE i.instance " EQ
    " $1) ORDER BY d.discarded_at DESC LIMIT 1)",
    {INT8OID, TEXTOID}};

// The effect that was noted has been tried again since.
constinit pg::Statement g_tried{
    "workflow_failed_effect_tried",
    "SELECT FROM foreman.workflow_instance i JOIN foreman.workflow_effect e ON e.effect " EQ
    " i.failed_effect WHERE i.instance " EQ " $1 AND e.state " EQ " ANY ('{o,c}'::pg_catalog.\"char\"[])",
    {INT8OID}};

// What was done after the end told nobody: it is done again.
constinit pg::Statement g_late{
    "workflow_late_effects",
    "UPDATE foreman.workflow_effect e SET state = 'x' FROM foreman.workflow_instance i WHERE i.instance " EQ
    " $1 AND e.instance " EQ " $1 AND e.ended_at " GE " i.ended_at AND (e.state " EQ " 'x' OR e.state " EQ
    " 'c' AND e.on_result IS NOT NULL) RETURNING e.job_id",
    {INT8OID}};

constinit pg::Statement g_key_holder{
    "workflow_key_holder",
    "SELECT o.unique_key, o.workflow_id FROM foreman.workflow_instance i JOIN foreman.workflow_instance o ON "
    "o.workflow_type " EQ " i.workflow_type AND o.unique_key " EQ
    " i.unique_key AND o.unique_key IS NOT NULL AND o.state " EQ " 'r' WHERE i.instance " EQ " $1",
    {INT8OID}};
constinit pg::Statement g_reopen{
    "reopen_workflow",
    "UPDATE foreman.workflow_instance SET state = 'r', ended_at = NULL, reason = NULL, failed_effect = NULL "
    "WHERE instance " EQ " $1 RETURNING workflow_type, parked IS NOT NULL",
    {INT8OID}};

constinit pg::Statement g_ended_at{"workflow_ended_at",
                                   "SELECT ended_at FROM foreman.workflow_instance WHERE instance " EQ " $1",
                                   {INT8OID}};

// Nothing else cancels timers of an instance after its end, and the end is one transaction.
constinit pg::Statement g_timers{
    "cancelled_workflow_timers",
    "SELECT unique_key, run_at, args, queue, priority FROM foreman.job_history WHERE origin " EQ
    " 't' AND origin_id " EQ " $1 AND kind " EQ " $2 AND outcome " EQ " 'x' AND finished_at " GE
    " $3 AND finished_at " LT " ($3 " PLUS " '1 hour'::pg_catalog.interval) ORDER BY unique_key",
    {INT8OID, TEXTOID, TIMESTAMPTZOID}};

constinit pg::Statement g_to_copy{"workflow_to_copy",
                                  "SELECT unique_key FROM foreman.workflow_instance WHERE instance " EQ " $1",
                                  {INT8OID}};
constinit pg::Statement g_copy_events{"copy_workflow_events",
                                      "INSERT INTO foreman.workflow_event (instance, sequence, event_type, "
                                      "version, data, recorded_at, command) "
                                      "SELECT $2, sequence, event_type, version, data, recorded_at, command "
                                      "FROM foreman.workflow_event WHERE instance " EQ " $1 AND sequence " LE
                                      " $3 ORDER BY sequence",
                                      {INT8OID, INT8OID, INT8OID}};
constinit pg::Statement g_copy_search{"copy_workflow_search",
                                      "UPDATE foreman.workflow_instance t SET search = f.search FROM "
                                      "foreman.workflow_instance f WHERE f.instance " EQ
                                      " $1 AND t.instance " EQ " $2 AND f.search IS NOT NULL",
                                      {INT8OID, INT8OID}};

constinit pg::Statement g_own_event{
    "own_workflow_event",
    "SELECT pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('type', 'foreman.' " CAT
    " $1, 'data', pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('by', $2, 'reason', $3)) " CAT
    " COALESCE($4, '{}')))",
    {TEXTOID, TEXTOID, TEXTOID, JSONBOID}};
constinit pg::Statement g_fork_origin{
    "workflow_fork_origin",
    "SELECT pg_catalog.jsonb_build_object('workflow_id', $1, 'sequence', $2)",
    {TEXTOID, INT8OID}};

}  // namespace

bool has_undone(int64 instance) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, instance);
    return !g_undone.execute(a).empty();
}

bool failed_effect_tried(int64 instance) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, instance);
    return !g_tried.execute(a).empty();
}

void read_unfinished(int64 instance, std::string_view kind, Unfinished* out) {
    const AsOwner scope;
    pg::Args<2> a;
    a.i64(1, instance).text(2, kind);
    const pg::Rows dead = g_dead.execute(a);
    if (!dead.empty()) out->dead = dead[0].i64(1);
    pg::Args<1> one;
    one.i64(1, instance);
    for (const pg::Row r : g_late.execute(one)) out->ended.push_back(r.i64(1));
}

void reopen_instance(const WorkflowType& type, int64 instance) {
    const AsOwner scope;
    hold_type(type);
    pg::Args<1> a;
    a.i64(1, instance);
    const pg::Rows holder = g_key_holder.execute(a);
    if (!holder.empty()) {
        const std::string_view key = holder[0].view(1), id = holder[0].view(2);
        throw pg::Failure(ERRCODE_UNIQUE_VIOLATION,
                          "workflow type \"%s\" has a running instance with unique key \"%.*s\"", type.name,
                          static_cast<int>(key.size()), key.data())
            .detail("Workflow \"%.*s\" has the key until it ends.", static_cast<int>(id.size()), id.data());
    }
    for (const pg::Row r : g_reopen.execute(a)) {
        board::WorkflowDelta delta;
        delta[board::WorkflowCount::running] = 1;
        if (r.boolean(2)) delta[board::WorkflowCount::parked] = 1;
        remember_workflow_counts(r.view(1), delta);
    }
}

core::Instant ended_at(int64 instance) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, instance);
    return g_ended_at.execute(a)[0].instant(1);
}

void restore_timers(int64 instance, std::string_view kind, core::Instant at) {
    const WorkflowType& type = require_workflow_type(kind.substr(kWorkflowKind.size()));
    const AsOwner scope;
    scope.allow_any_plan();  // the history is found by its days
    pg::Args<3> a;
    a.i64(1, instance).text(2, kind).instant(3, at);
    for (const pg::Row r : g_timers.execute(a)) {
        if (r.is_null(3))
            throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                              "the input of a timer was not kept in history: it cannot be set again")
                .hint("Raise keep_args of its queue with foreman.alter_queue() before such workflows end.");
        NewJob job;
        job.kind = kind;
        job.queue = r.view(4);
        job.priority = r.i16(5);
        job.role = type.run_as;
        job.run_at = r.instant(2);
        job.args = r.datum(3);
        job.unique_key = r.view(1);
        job.timer = true;
        job.on_conflict = OnConflict::replace;
        job.origin = core::Origin::workflow_timer;
        job.origin_id = instance;
        insert_job(job);
    }
}

std::string_view unique_key_of(int64 instance, MemoryContext context) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, instance);
    const pg::Rows rows = g_to_copy.execute(a);
    if (rows[0].is_null(1)) return {};
    return {pg::copy_text(rows[0].view(1), context), rows[0].view(1).size()};
}

void copy_history(int64 from, int64 to, int64 last) {
    const AsOwner scope;
    pg::Args<3> a;
    a.i64(1, from).i64(2, to).i64(3, last);
    g_copy_events.execute(a);
    pg::Args<2> both;
    both.i64(1, from).i64(2, to);
    g_copy_search.execute(both);
}

Datum own_event(const char* what, std::string_view by, std::optional<std::string_view> reason,
                std::optional<Datum> more) {
    const MemoryContext context = CurrentMemoryContext;
    const AsOwner scope;
    pg::Args<4> a;
    a.text(1, what).text(2, by);
    if (reason) a.text(3, *reason);
    if (more) a.set(4, *more);
    return pg::copy_varlena(g_own_event.execute(a)[0].datum(1), context);
}

Datum fork_origin(std::string_view id, int64 sequence) {
    const MemoryContext context = CurrentMemoryContext;
    const AsOwner scope;
    pg::Args<2> a;
    a.text(1, id).i64(2, sequence);
    return pg::copy_varlena(g_fork_origin.execute(a)[0].datum(1), context);
}

}  // namespace foreman::store
