// See commands.hpp.
#include "store/workflows/commands.hpp"

#include "core/time.hpp"
#include "pg/datum.hpp"
#include "pg/spi.hpp"
#include "store/commit/remember.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"

namespace foreman::store {

namespace {

#define MEMBER " OPERATOR(pg_catalog.->>) "

// One look at the unique index for each number: its both columns are equal to something, so that the planner takes it
// also while the table is empty.
constinit pg::Statement g_recorded{"recorded_workflow_commands",
                                   "SELECT e.command, e.event_type, e.name FROM pg_catalog.unnest($2) AS u "
                                   "(n) CROSS JOIN LATERAL (SELECT command, "
                                   "event_type, COALESCE(data" MEMBER "'name', data" MEMBER
                                   "'kind', data" MEMBER
                                   "'workflow_id', '') AS name FROM foreman.workflow_event WHERE instance " EQ
                                   " $1 AND command " EQ " u.n AND command IS NOT NULL LIMIT 1) e",
                                   {INT8OID, INT4ARRAYOID}};
constinit pg::Statement g_has{"workflow_has_commands",
                              "SELECT 1 FROM foreman.workflow_event WHERE instance " EQ
                              " $1 AND command IS NOT NULL ORDER BY command LIMIT 1",
                              {INT8OID}};
constinit pg::Statement g_append{
    "append_workflow_commands",
    "INSERT INTO foreman.workflow_event (instance, sequence, event_type, version, data, recorded_at, "
    "command) SELECT "
    "$1, $2 " PLUS " e.n " MINUS
    " 1, e.x OPERATOR(pg_catalog.->>) 'type', 1, e.x OPERATOR(pg_catalog.->) 'data', $4, (e.x "
    "OPERATOR(pg_catalog.->) 'data' OPERATOR(pg_catalog.->>) 'sequence')::pg_catalog.int4 FROM "
    "pg_catalog.jsonb_array_elements($3) WITH ORDINALITY AS e (x, n)",
    {INT8OID, INT8OID, JSONBOID, TIMESTAMPTZOID}};
constinit pg::Statement g_events{"events_of_workflow_commands",
                                 "SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('type', u.t, "
                                 "'data', ($1 OPERATOR(pg_catalog.->) u.i) "
                                 "OPERATOR(pg_catalog.-) 'command') ORDER BY u.n) FROM ROWS FROM "
                                 "(pg_catalog.unnest($2), pg_catalog.unnest($3)) "
                                 "WITH ORDINALITY AS u (t, i, n)",
                                 {JSONBOID, TEXTARRAYOID, INT4ARRAYOID}};
constinit pg::Statement g_difference{
    "workflow_command_difference",
    "SELECT pg_catalog.jsonb_build_object('command', $1, 'recorded', pg_catalog.jsonb_build_object('type', "
    "$2, "
    "'name', $3), 'submitted', pg_catalog.jsonb_build_object('type', $4, 'name', $5))",
    {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}};
constinit pg::Statement g_continue{
    "continue_workflow",
    "INSERT INTO foreman.workflow_instance (instance, root, workflow_type, workflow_id, started_at, search, "
    "unique_key, parent, on_end, on_parent_end) SELECT pg_catalog.nextval('foreman.workflow_instance_seq'), "
    "root, "
    "workflow_type, workflow_id, $2, search, unique_key, parent, on_end, on_parent_end FROM "
    "foreman.workflow_instance WHERE instance " EQ " $1 RETURNING instance, workflow_type",
    {INT8OID, TIMESTAMPTZOID}};
constinit pg::Statement g_adopt{
    "adopt_workflow_children",
    "UPDATE foreman.workflow_instance SET parent = $2, on_end = CASE WHEN on_end OPERATOR(pg_catalog.~) "
    "'^child_ended:' THEN 'earlier_' " CAT " on_end ELSE on_end END WHERE parent " EQ " $1 AND state " EQ
    " 'r'",
    {INT8OID, INT8OID}};
constinit pg::Statement g_first{
    "first_workflow_events",
    "SELECT s.first " CAT " COALESCE(c.events, '[]'), 1 " PLUS
    " c.n FROM (SELECT pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('type', 'WorkflowStarted', "
    "'data', "
    "pg_catalog.jsonb_build_object('input', $2, 'continued_from', $1))) AS first) s, (SELECT "
    "pg_catalog.count(*) AS "
    "n, pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('type', event_type, 'data', data) ORDER BY "
    "sequence) AS "
    "events FROM foreman.workflow_event WHERE instance " EQ " $1 AND event_type " EQ
    " ANY ('{SignalReceived,CancelRequested}'::pg_catalog.text[]) AND sequence " NE " ALL ($3)) c",
    {INT8OID, JSONBOID, INT8ARRAYOID}};

}  // namespace

void recorded_commands(int64 instance, std::span<const int32> numbers, MemoryContext context,
                       pg::vector<RecordedCommand>* out) {
    const AsOwner scope;
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<Datum> values(&memory);
    for (const int32 n : numbers) values.push_back(Int32GetDatum(n));
    pg::Args<2> a;
    a.i64(1, instance).set(2, pg::array_datum(pg::kInt4, {values.data(), values.size()}));
    const auto copied = [context](std::string_view text) {
        return std::string_view(pg::copy_text(text, context), text.size());
    };
    for (const pg::Row r : g_recorded.execute(a))
        out->push_back({r.i32(1), copied(r.view(2)), copied(r.view(3))});
}

bool has_commands(int64 instance) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, instance);
    return !g_has.execute(a).empty();
}

void append_commands(std::string_view type, int64 instance, int64 first, Datum events, core::Instant at) {
    const AsOwner scope;
    pg::Args<4> a;
    a.i64(1, instance).i64(2, first).set(3, events).instant(4, at);
    const std::uint64_t n = g_append.execute(a).processed();
    remember_workflow_count(type, board::WorkflowCount::events, static_cast<int32>(n));
}

Datum events_of_commands(Datum commands, std::span<const CommandEvent> events) {
    const MemoryContext context = CurrentMemoryContext;
    const AsOwner scope;
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<Datum> types(&memory), places(&memory);
    for (const CommandEvent& e : events) {
        types.push_back(pg::text_datum(e.event_type));
        places.push_back(Int32GetDatum(e.index));
    }
    pg::Args<3> a;
    a.set(1, commands).set(2, pg::array_datum(pg::kText, {types.data(), types.size()}));
    a.set(3, pg::array_datum(pg::kInt4, {places.data(), places.size()}));
    return pg::copy_varlena(g_events.execute(a)[0].datum(1), context);
}

Datum difference(const RecordedCommand& recorded, std::string_view event_type, std::string_view name) {
    const MemoryContext context = CurrentMemoryContext;
    const AsOwner scope;
    pg::Args<5> a;
    a.i64(1, recorded.sequence).text(2, recorded.event_type).text(3, recorded.name);
    a.text(4, event_type).text(5, name);
    return pg::copy_varlena(g_difference.execute(a)[0].datum(1), context);
}

std::string_view end_of_child(std::string_view on_end, bool has_continued) {
    if (!has_continued || !on_end.starts_with(kEarlierChild.substr(kEarlierChild.find('_') + 1)))
        return on_end;
    return pg::guarded([on_end]() -> const char* {
        return psprintf("earlier_%.*s", static_cast<int>(on_end.size()), on_end.data());
    });
}

int64 continue_instance(int64 instance, core::Instant now) {
    const AsOwner scope;
    pg::Args<2> a;
    a.i64(1, instance).instant(2, now);
    const pg::Rows begun = g_continue.execute(a);
    const int64 next = begun[0].i64(1);
    board::WorkflowDelta delta;
    delta[board::WorkflowCount::running] = delta[board::WorkflowCount::started] = 1;
    remember_workflow_counts(begun[0].view(2), delta);
    pg::Args<2> both;
    both.i64(1, instance).i64(2, next);
    g_adopt.execute(both);
    return next;
}

Datum first_events(int64 old_instance, Datum input, std::span<const int64> consumed, MemoryContext context,
                   int64* count) {
    const AsOwner scope;
    pg::Args<3> a;
    a.i64(1, old_instance).set(2, input).set(3, pg::int8_array(consumed));
    const pg::Rows rows = g_first.execute(a);
    *count = rows[0].i64(2);
    return pg::copy_varlena(rows[0].datum(1), context);
}

}  // namespace foreman::store
