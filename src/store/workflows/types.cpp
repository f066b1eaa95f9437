// See types.hpp.
#include "store/workflows/types.hpp"

#include <cstring>

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/lock.hpp"
#include "pg/memory.hpp"
#include "pg/xact.hpp"
#include "store/commit/remember.hpp"
#include "store/db/clock.hpp"
#include "store/db/relation_cache.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/definitions.hpp"
#include "store/workflows/tasks.hpp"

namespace foreman::store {

namespace {

constinit uint64 g_loads = 0;

uint64 generation() noexcept { return workflow_type_generation() + handler_generation(); }
constinit RelationCache<WorkflowType> g_types{"foreman workflow types", generation};

constinit pg::Statement g_read{
    "workflow_type",
    "SELECT t.decide, t.evolve, t.is_terminal, t.unique_key, t.initial_state, t.snapshot_every, "
    "t.on_dead_letter, t.record_inputs, h.run_as::pg_catalog.oid, h.queue, t.retain_completed FROM "
    "foreman.workflow_type t JOIN "
    "foreman.handler h ON h.kind " EQ " ('workflow:' " CAT " t.workflow_type) WHERE t.workflow_type " EQ
    " $1",
    {TEXTOID}};
constinit pg::Statement g_read_upcasters{
    "workflow_upcasters",
    "SELECT event_type, from_version, upcaster FROM foreman.workflow_upcaster WHERE workflow_type " EQ
    " $1 ORDER BY event_type, from_version",
    {TEXTOID}};
constinit pg::Statement g_put{
    "put_workflow_type",
    "INSERT INTO foreman.workflow_type AS t (workflow_type, decide, evolve, is_terminal, unique_key, "
    "initial_state, snapshot_every, on_dead_letter, record_inputs, retain_completed, created_at) VALUES ($1, "
    "$2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (workflow_type) DO UPDATE SET decide = "
    "excluded.decide, evolve = excluded.evolve, is_terminal = excluded.is_terminal, unique_key = "
    "excluded.unique_key, initial_state = excluded.initial_state, snapshot_every = excluded.snapshot_every, "
    "on_dead_letter = excluded.on_dead_letter, record_inputs = excluded.record_inputs, retain_completed = "
    "excluded.retain_completed RETURNING (t.xmax " EQ " '0'::pg_catalog.xid)",
    {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, INT4OID, TEXTOID, TEXTOID, INTERVALOID,
     TIMESTAMPTZOID}};
constinit pg::Statement g_running{"running_workflows",
                                  "SELECT 1 FROM foreman.workflow_instance WHERE workflow_type " EQ
                                  " $1 AND state " EQ " 'r' LIMIT 1",
                                  {TEXTOID}};
constinit pg::Statement g_remove{
    "remove_workflow_type", "DELETE FROM foreman.workflow_type WHERE workflow_type " EQ " $1", {TEXTOID}};
constinit pg::Statement g_remove_upcasters{"remove_workflow_upcasters",
                                           "DELETE FROM foreman.workflow_upcaster WHERE workflow_type " EQ
                                           " $1",
                                           {TEXTOID}};
constinit pg::Statement g_put_upcaster{
    "put_workflow_upcaster",
    "INSERT INTO foreman.workflow_upcaster AS u (workflow_type, event_type, from_version, upcaster) VALUES "
    "($1, $2, $3, $4) ON CONFLICT (workflow_type, event_type, from_version) DO UPDATE SET upcaster = "
    "excluded.upcaster RETURNING (u.xmax " EQ " '0'::pg_catalog.xid)",
    {TEXTOID, TEXTOID, INT4OID, TEXTOID}};
constinit pg::Statement g_remove_upcaster{"remove_workflow_upcaster",
                                          "DELETE FROM foreman.workflow_upcaster WHERE workflow_type " EQ
                                          " $1 AND event_type " EQ " $2 AND from_version " EQ " $3",
                                          {TEXTOID, TEXTOID, INT4OID}};

const char* text_or_empty(const pg::Row& row, int column, MemoryContext context) {
    return row.is_null(column) ? "" : pg::copy_text(row.view(column), context);
}

template <std::size_t N>
void copy_name(char (&to)[N], std::string_view beginning, std::string_view name) noexcept {
    const std::size_t n = std::min(name.size(), N - 1 - beginning.size());
    beginning.copy(to, beginning.size());
    name.copy(to + beginning.size(), n);
    to[beginning.size() + n] = '\0';
}

void read_upcasters(WorkflowType* t, MemoryContext context) {
    pg::Args<1> a;
    a.text(1, t->type());
    const pg::Rows rows = g_read_upcasters.execute(a, true);
    auto* all = static_cast<Upcaster*>(pg::allocate(sizeof(Upcaster) * (rows.size() + 1), context));
    std::size_t n = 0;
    for (const pg::Row r : rows)
        all[n++] = {pg::copy_text(r.view(1), context), r.i32(2), pg::copy_text(r.view(3), context)};
    t->upcasters = {all, n};
}

void read_type(WorkflowType* t, MemoryContext context) {
    t->exists = false;
    t->loaded = ++g_loads;
    t->decide = t->evolve = t->is_terminal = t->unique_key = "";
    t->upcasters = {};
    const AsOwner scope;
    const pg::LatestSnapshot latest;
    pg::Args<1> a;
    a.text(1, t->type());
    const pg::Rows rows = g_read.execute(a, true);
    if (rows.empty()) return;
    const pg::Row r = rows[0];
    t->decide = text_or_empty(r, 1, context);
    t->evolve = text_or_empty(r, 2, context);
    t->is_terminal = text_or_empty(r, 3, context);
    t->unique_key = text_or_empty(r, 4, context);
    t->initial_state = pg::copy_varlena(r.datum(5), context);
    t->snapshot_every = r.i32(6);
    t->notices_dead_letters = r.view(7) == "input";
    t->record = r.view(8) == "all"    ? RecordInputs::all
                : r.view(8) == "none" ? RecordInputs::none
                                      : RecordInputs::rejected;
    t->run_as = r.oid(9);
    copy_name(t->queue, "", r.view(10));
    t->retain_completed.reset();
    if (!r.is_null(11)) {
        auto* interval = static_cast<Interval*>(pg::allocate(sizeof(Interval), context));
        *interval = *DatumGetIntervalP(r.datum(11));
        t->retain_completed = IntervalPGetDatum(interval);
    }
    copy_name(t->kind, kWorkflowKind, t->type());
    read_upcasters(t, context);
    t->exists = true;
}

void set_text(auto* a, int number, std::string_view text) {
    if (!text.empty()) a->text(number, text);
}

}  // namespace

const WorkflowType& find_workflow_type(std::string_view type) { return g_types.find(type, read_type); }

const WorkflowType& require_workflow_type(std::string_view type) {
    const WorkflowType& t = find_workflow_type(type);
    if (!t.exists)
        throw pg::Failure(ERRCODE_UNDEFINED_OBJECT, "workflow type \"%.*s\" does not exist",
                          static_cast<int>(type.size()), type.data())
            .hint(
                "Define it with foreman.create_workflow_type(). The view foreman.workflow_types lists the "
                "types.");
    return t;
}

bool put_workflow_type(const NewWorkflowType& t) {
    char kind[256];
    copy_name(kind, kWorkflowKind, t.type);
    NewHandler h{};
    h.kind = kind;
    h.shape = static_cast<char>(Shape::workflow);
    h.lane = "transaction";
    h.queue = t.queue;
    h.run_as = t.run_as;
    h.session = "kept";
    put_handler(h);
    const AsOwner scope;
    pg::Args<11> a;
    a.text(1, t.type);
    set_text(&a, 2, t.decide);
    set_text(&a, 3, t.evolve);
    set_text(&a, 4, t.is_terminal);
    set_text(&a, 5, t.unique_key);
    a.set(6, t.initial_state).i32(7, t.snapshot_every).text(8, t.on_dead_letter).text(9, t.record_inputs);
    if (t.retain_completed) a.set(10, *t.retain_completed);
    a.instant(11, now());
    const pg::Rows rows = g_put.execute(a);
    announce_change(schema().workflow_type);
    return rows[0].boolean(1);
}

void hold_type(const WorkflowType& t) {
    pg::lock_name(schema().workflow_type, t.type(), AccessShareLock);
    const WorkflowType& now = require_workflow_type(t.type());
    if (now.loaded == t.loaded) return;
    const bool outside = is_decided_outside(t);
    if (outside == is_decided_outside(now) && (!outside || std::strcmp(t.queue, now.queue) == 0)) return;
    throw pg::Failure(ERRCODE_T_R_SERIALIZATION_FAILURE,
                      "workflow type \"%s\" has gone to other deciders meanwhile", t.name)
        .hint("Try again.");
}

bool has_running_instances(std::string_view type) {
    const AsOwner scope;
    pg::lock_name(schema().workflow_type, type, AccessExclusiveLock);
    const pg::LatestSnapshot latest;  // what those committed who were waited for
    pg::Args<1> a;
    a.text(1, type);
    return !g_running.execute(a, true).empty();
}

bool remove_workflow_type(std::string_view type) {
    char kind[256];
    copy_name(kind, kWorkflowKind, type);
    const AsOwner scope;
    pg::Args<1> a;
    a.text(1, type);
    if (g_remove.execute(a).processed() == 0) return false;
    g_remove_upcasters.execute(a);
    remove_handler(kind);
    announce_change(schema().workflow_type);
    return true;
}

bool put_upcaster(std::string_view type, const Upcaster& u) {
    const AsOwner scope;
    pg::Args<4> a;
    a.text(1, type).text(2, u.event_type).i32(3, u.from_version).text(4, u.function);
    const pg::Rows rows = g_put_upcaster.execute(a);
    announce_change(schema().workflow_type);
    return rows[0].boolean(1);
}

bool remove_upcaster(std::string_view type, std::string_view event_type, int32 from_version) {
    const AsOwner scope;
    pg::Args<3> a;
    a.text(1, type).text(2, event_type).i32(3, from_version);
    if (g_remove_upcaster.execute(a).processed() == 0) return false;
    announce_change(schema().workflow_type);
    return true;
}

}  // namespace foreman::store
