// See effects.hpp.
#include "store/workflows/effects.hpp"

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/json_object.hpp"
#include "pg/spi.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"

namespace foreman::store {

namespace {

constinit pg::Statement g_of_instance{"workflow_effect_of",
                                      "SELECT 1 FROM foreman.workflow_effect WHERE effect " EQ
                                      " $1 AND instance " PLUS " 0 " EQ " $2",
                                      {INT8OID, INT8OID}};
constinit pg::Statement g_insert{
    "insert_workflow_effect",
    "INSERT INTO foreman.workflow_effect (effect, instance, key, sequence, kind, job_id, on_result, "
    "on_failure, undo, "
    "decided_at) VALUES ($10, $1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
    {INT8OID, TEXTOID, INT8OID, TEXTOID, INT8OID, TEXTOID, TEXTOID, JSONBOID, TIMESTAMPTZOID, INT8OID}};
constinit pg::Statement g_to_undo{
    "workflow_effects_to_undo",
    "SELECT effect, key, job_id, undo, result FROM foreman.workflow_effect WHERE instance " EQ
    " $1 AND state " EQ " 'c' AND undo IS NOT NULL ORDER BY effect DESC",
    {INT8OID}};
constinit pg::Statement g_one_to_undo{
    "workflow_effect_to_undo",
    "SELECT effect, key, job_id, undo, result FROM foreman.workflow_effect WHERE effect " EQ
    " $1 AND state " EQ " 'c' AND undo IS NOT NULL",
    {INT8OID}};
constinit pg::Statement g_open{
    "open_workflow_effects",
    "SELECT effect, key, job_id, undo, result FROM foreman.workflow_effect WHERE instance " EQ
    " $1 AND state " EQ " 'o' ORDER BY effect",
    {INT8OID}};
constinit pg::Statement g_undoing{
    "undo_workflow_effect",
    "UPDATE foreman.workflow_effect SET state = 'u', undo_job_id = $2 WHERE effect " EQ " $1",
    {INT8OID, INT8OID}};
// One that another one continues asks for effects under the same keys again.
constinit pg::Statement g_idempotency_key{
    "workflow_effect_key",
    "SELECT i.workflow_type " CAT " ':' " CAT " i.workflow_id " CAT " ':' " CAT " CASE WHEN i.instance " NE
    " i.root THEN i.instance::pg_catalog.text " CAT " ':' ELSE '' END " CAT " e.key " CAT
    " CASE WHEN $2 THEN ':undo' ELSE '' END FROM foreman.workflow_effect e JOIN foreman.workflow_instance i "
    "ON i.instance " EQ " e.instance WHERE e.effect " EQ " $1",
    {INT8OID, BOOLOID}};
// The index of unique keys is in byte order, and ; comes after :.
constinit pg::Statement g_timers{
    "workflow_timers",
    "SELECT pg_catalog.substr(unique_key, pg_catalog.strpos(unique_key, ':') " PLUS
    " 1) FROM foreman.live_job WHERE kind " EQ " $1 AND unique_key " GE " ($2::pg_catalog.text " CAT
    " ':') AND unique_key " LT " ($2::pg_catalog.text " CAT " ';') AND unique_as " EQ
    " ANY ('{t,s}'::pg_catalog.\"char\"[]) ORDER BY unique_key",
    {TEXTOID, INT8OID}};

constinit pg::Statement g_cancel_payload{
    "workflow_cancel_payload",
    "SELECT pg_catalog.jsonb_build_object('type', 'cancel', 'reason', $1)",
    {TEXTOID}};
constinit pg::Statement g_child_end{"workflow_child_end",
                                    "SELECT pg_catalog.jsonb_build_object('type', $1, 'workflow_type', $2, "
                                    "'workflow_id', $3, 'state', $4, 'reason', $5, "
                                    "'result', COALESCE($6, 'null'))",
                                    {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID}};

Effect read_effect(const pg::Row& r, MemoryContext context) {
    Effect e{r.i64(1), r.copy(2, context), r.i64(3), {}, {}};
    if (!r.is_null(4)) e.undo = pg::copy_varlena(r.datum(4), context);
    if (!r.is_null(5)) e.result = pg::copy_varlena(r.datum(5), context);
    return e;
}

void read_effects(pg::Statement* statement, int64 number, MemoryContext context, pg::vector<Effect>* out) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, number);
    for (const pg::Row r : statement->execute(a)) out->push_back(read_effect(r, context));
}

}  // namespace

int64 insert_effect(const NewEffect& e, core::Instant at) {
    const AsOwner scope;
    const int64 effect = pg::call<&nextval_internal>(schema().workflow_effect_sequence, false);
    pg::Args<10> a;
    a.i64(10, effect)
        .i64(1, e.instance)
        .text(2, e.key)
        .i64(3, e.sequence)
        .text(4, e.kind)
        .i64(5, e.job_id)
        .instant(9, at);
    if (!e.on_result.empty()) a.text(6, e.on_result);
    if (!e.on_failure.empty()) a.text(7, e.on_failure);
    if (e.undo) a.set(8, *e.undo);
    return g_insert.execute(a).processed() > 0 ? effect : 0;
}

void effects_to_undo(int64 instance, MemoryContext context, pg::vector<Effect>* out) {
    read_effects(&g_to_undo, instance, context, out);
}

bool effect_to_undo(int64 effect, MemoryContext context, Effect* out) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, effect);
    const pg::Rows rows = g_one_to_undo.execute(a);
    if (rows.empty()) return false;
    *out = read_effect(rows[0], context);
    return true;
}

void open_effects(int64 instance, MemoryContext context, pg::vector<Effect>* out) {
    read_effects(&g_open, instance, context, out);
}

bool is_effect_of(int64 effect, int64 instance) {
    const AsOwner scope;
    pg::Args<2> a;
    a.i64(1, effect).i64(2, instance);
    return !g_of_instance.execute(a).empty();
}

void mark_undoing(int64 effect, int64 undo_job_id) {
    const AsOwner scope;
    pg::Args<2> a;
    a.i64(1, effect).i64(2, undo_job_id);
    g_undoing.execute(a);
}

std::optional<Datum> effect_idempotency_key(int64 effect, bool undo) {
    const MemoryContext context = CurrentMemoryContext;
    const AsOwner scope;
    pg::Args<2> a;
    a.i64(1, effect).boolean(2, undo);
    const pg::Rows rows = g_idempotency_key.execute(a);
    if (rows.empty()) return std::nullopt;
    return pg::copy_varlena(rows[0].datum(1), context);
}

Datum effect_metadata(std::optional<Datum> given, std::string_view type, std::string_view id,
                      std::string_view key, std::optional<Datum> undone_result) {
    pg::JsonObject ours;
    ours.text("workflow_type", type).text("workflow_id", id).text("effect", key);
    if (undone_result) ours.json("result", *undone_result);
    return given ? pg::merged_objects(*given, ours.done()) : ours.done();
}

Datum cancel_payload(std::string_view reason) {
    const MemoryContext context = CurrentMemoryContext;
    const AsOwner scope;
    pg::Args<1> a;
    if (!reason.empty()) a.text(1, reason);
    return pg::copy_varlena(g_cancel_payload.execute(a)[0].datum(1), context);
}

Datum child_end_payload(std::string_view on_end, std::string_view type, std::string_view id,
                        std::string_view state, std::string_view reason, std::optional<Datum> result) {
    const MemoryContext context = CurrentMemoryContext;
    const AsOwner scope;
    pg::Args<6> a;
    a.text(1, on_end).text(2, type).text(3, id).text(4, state);
    if (!reason.empty()) a.text(5, reason);
    if (result) a.set(6, *result);
    return pg::copy_varlena(g_child_end.execute(a)[0].datum(1), context);
}

void timer_keys(std::string_view kind, int64 instance, MemoryContext context,
                pg::vector<std::string_view>* out) {
    const AsOwner scope;
    pg::Args<2> a;
    a.text(1, kind).i64(2, instance);
    for (const pg::Row r : g_timers.execute(a)) out->push_back(r.copy(1, context));
}

std::string_view timer_key(int64 instance, std::string_view key, MemoryContext context) {
    const char* text = pg::guarded([&]() -> const char* {
        return psprintf(INT64_FORMAT ":%.*s", instance, static_cast<int>(key.size()), key.data());
    });
    return {pg::copy_text(text, context), std::strlen(text)};
}

}  // namespace foreman::store
