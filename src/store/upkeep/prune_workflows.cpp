// See prune_workflows.hpp. Both read an index in the order of time, and go on behind the place where the last step ended.
#include "store/upkeep/prune_workflows.hpp"

#include "pg/spi.hpp"
#include "store/db/sql_names.hpp"
#include "store/feed/projections.hpp"

namespace foreman::store {

namespace {

constexpr int64 kLook = 500;
constexpr int64 kEventsAtOnce = 2000;

#define DEFAULT_RETENTION "'7 days'::pg_catalog.interval"
#define RETENTION_OF(row)                                                                                \
    "COALESCE((SELECT t.retain_completed FROM foreman.workflow_type t WHERE t.workflow_type " EQ " " row \
    ".workflow_type), " DEFAULT_RETENTION ")"
// What ended later than this is kept by every type.
#define LATEST                                                                                            \
    "($1 " MINUS                                                                                          \
    " LEAST((SELECT pg_catalog.min(t.retain_completed) FROM foreman.workflow_type t), " DEFAULT_RETENTION \
    "))"

constinit pg::Statement g_instances{
    "prune_workflows",
    "WITH w AS MATERIALIZED (SELECT i.instance, i.ended_at, i.workflow_type, i.workflow_id, i.state, "
    "i.sequence FROM "
    "foreman.workflow_instance i WHERE i.ended_at IS NOT NULL AND (i.ended_at, i.instance) " GT
    " ($2, $3) AND i.ended_at " LT " " LATEST
    " ORDER BY i.ended_at, i.instance LIMIT $4), e AS MATERIALIZED (SELECT "
    "w.instance, pg_catalog.sum(w.sequence " PLUS " 1) OVER (ORDER BY w.ended_at, w.instance) " MINUS
    " w.sequence " MINUS " 1 AS before FROM w WHERE w.ended_at " LT " ($1 " MINUS " " RETENTION_OF(
        "w") ") AND NOT EXISTS (SELECT FROM foreman.workflow_effect f WHERE f.instance " EQ
             " w.instance AND f.state " EQ
             " ANY ('{o,u}'::pg_catalog.\"char\"[])) AND NOT EXISTS (SELECT FROM foreman.workflow_event x "
             "WHERE "
             "x.instance " EQ " w.instance AND x.sequence " EQ " w.sequence AND x.position " GT
             " $6) AND (w.state " EQ
             " 'n' OR NOT EXISTS (SELECT FROM foreman.workflow_input p WHERE p.workflow_type " EQ
             " w.workflow_type AND p.workflow_id " EQ " w.workflow_id AND p.state " EQ
             " 'p'))), v AS MATERIALIZED (SELECT i.instance, i.workflow_type, i.workflow_id, i.state, "
             "i.ended_at FROM "
             "foreman.workflow_instance i WHERE i.instance " EQ
             " ANY (ARRAY (SELECT e.instance FROM e WHERE e.before " LT
             " $5)) AND i.ended_at IS NOT NULL FOR UPDATE SKIP LOCKED), events AS (DELETE FROM "
             "foreman.workflow_event WHERE "
             "instance " EQ
             " ANY (ARRAY (SELECT v.instance FROM v))), effects AS (DELETE FROM foreman.workflow_effect "
             "WHERE "
             "instance " EQ
             " ANY (ARRAY (SELECT v.instance FROM v))), inputs AS (DELETE FROM foreman.workflow_input n "
             "USING v "
             "WHERE n.workflow_type " EQ " v.workflow_type AND n.workflow_id " EQ
             " v.workflow_id AND n.state " NE " 'p' AND (v.state " NE " 'n' OR n.handled_at " LE
             " v.ended_at)), instances AS (DELETE FROM foreman.workflow_instance WHERE instance " EQ
             " ANY (ARRAY (SELECT v.instance FROM v)) RETURNING 1) SELECT (SELECT pg_catalog.count(*) FROM "
             "instances), "
             "EXISTS (SELECT FROM e WHERE e.before " GE
             " $5), (SELECT pg_catalog.count(*) FROM w), l.ended_at, l.instance FROM (SELECT 1) one LEFT "
             "JOIN (SELECT "
             "w.ended_at, w.instance FROM w ORDER BY w.ended_at DESC, w.instance DESC LIMIT 1) l ON true",
    {TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, INT8OID, INT8OID, INT8OID}};

constinit pg::Statement g_inputs{
    "prune_workflow_inputs",
    "WITH w AS MATERIALIZED (SELECT n.input, n.handled_at, n.workflow_type, n.workflow_id FROM "
    "foreman.workflow_input n WHERE n.handled_at IS NOT NULL AND (n.handled_at, n.input) " GT
    " ($2, $3) AND n.handled_at " LT " " LATEST " ORDER BY n.handled_at, n.input LIMIT $4), d AS (DELETE FROM "
    "foreman.workflow_input WHERE input " EQ " ANY (ARRAY (SELECT w.input FROM w WHERE w.handled_at " LT
    " ($1 " MINUS " " RETENTION_OF("w") ") AND NOT EXISTS (SELECT FROM foreman.workflow_instance i WHERE "
    "i.workflow_type " EQ " w.workflow_type AND i.workflow_id " EQ " w.workflow_id AND i.state " NE
    " 'n'))) RETURNING 1) SELECT (SELECT pg_catalog.count(*) FROM d), (SELECT pg_catalog.count(*) FROM w), "
    "l.handled_at, l.input FROM (SELECT 1) one LEFT JOIN (SELECT w.handled_at, w.input FROM w ORDER BY w.handled_at "
    "DESC, w.input DESC LIMIT 1) l ON true",
    {TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, INT8OID}};

}  // namespace

PrunedSome prune_instances(core::Instant now, PrunePlace* place) {
    pg::Args<6> a;
    a.instant(1, now).instant(2, place->at).i64(3, place->number).i64(4, kLook).i64(5, kEventsAtOnce);
    a.i64(6, least_projection_position().value_or(PG_INT64_MAX));
    const pg::Rows rows = g_instances.execute(a);
    const pg::Row r = rows[0];
    const int64 removed = r.i64(1);
    // What was left for its length is looked at again. Somebody may hold what was not: it is for the next pass.
    if (r.boolean(2) && removed > 0) return {removed, true};
    if (r.i64(3) == 0) return {removed, false};
    *place = {r.instant(4), r.i64(5)};
    return {removed, r.boolean(2) || r.i64(3) == kLook};
}

PrunedSome prune_strayed_inputs(core::Instant now, PrunePlace* place) {
    pg::Args<4> a;
    a.instant(1, now).instant(2, place->at).i64(3, place->number).i64(4, kLook);
    const pg::Rows rows = g_inputs.execute(a);
    const pg::Row r = rows[0];
    if (r.i64(2) > 0) *place = {r.instant(3), r.i64(4)};
    return {r.i64(1), r.i64(2) == kLook};
}

}  // namespace foreman::store
