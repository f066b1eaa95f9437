// See instances.hpp.
#include "store/workflows/instances.hpp"

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/latch.hpp"
#include "pg/spi.hpp"
#include "store/commit/remember.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"

namespace foreman::store {

namespace {

#define INSTANCE_COLUMNS                                                                                \
    "instance, root, state, sequence, folded, folded_sequence, folded_by, parent, on_end, xmin, ctid, " \
    "unseen"
// The type is compared as an expression, lest an index that begins with it be taken: while the table is empty the
// planner takes any, and the plan is kept.
#define OF_ID                                                                                       \
    "FROM foreman.workflow_instance WHERE workflow_id " EQ " $2 AND (workflow_type " CAT " '') " EQ \
    " $1 AND state " NE " 'n'"

constinit pg::Statement g_lock{
    "lock_workflow", "SELECT " INSTANCE_COLUMNS " " OF_ID " FOR NO KEY UPDATE", {TEXTOID, TEXTOID}};
constinit pg::Statement g_try_lock{"try_lock_workflow",
                                   "SELECT " INSTANCE_COLUMNS " " OF_ID " FOR NO KEY UPDATE SKIP LOCKED",
                                   {TEXTOID, TEXTOID}};
constinit pg::Statement g_find{"find_workflow", "SELECT " INSTANCE_COLUMNS " " OF_ID, {TEXTOID, TEXTOID}};

constinit pg::Statement g_begin{
    "begin_workflow",
    "INSERT INTO foreman.workflow_instance (instance, root, workflow_type, workflow_id, started_at, "
    "unique_key, parent, on_end, on_parent_end) VALUES ($9, $3, $1, $2, $4, $5, $6, $7, $8) ON CONFLICT DO "
    "NOTHING",
    {TEXTOID, TEXTOID, INT8OID, TIMESTAMPTZOID, TEXTOID, INT8OID, TEXTOID, CHAROID, INT8OID}};
constinit pg::Statement g_holder_of_key{
    "holder_of_workflow_key",
    "SELECT workflow_id FROM foreman.workflow_instance WHERE workflow_type " EQ " $1 AND unique_key " EQ
    " $2 AND unique_key IS NOT NULL AND state " EQ " 'r'",
    {TEXTOID, TEXTOID}};
constinit pg::Statement g_forget{"forget_workflow",
                                 "DELETE FROM foreman.workflow_instance WHERE instance " EQ
                                 " $1 RETURNING workflow_type",
                                 {INT8OID}};

constinit pg::Statement g_advance{
    "advance_workflow",
    "UPDATE foreman.workflow_instance SET sequence = $2, last_event_at = $3, unseen = unseen " PLUS
    " $4 WHERE instance " EQ " $1 RETURNING xmin, ctid",
    {INT8OID, INT8OID, TIMESTAMPTZOID, INT8OID}};
constinit pg::Statement g_advance_folded{"advance_workflow_folded",
                                         "UPDATE foreman.workflow_instance SET sequence = $2, last_event_at "
                                         "= $3, folded = $4, folded_sequence = $2, "
                                         "folded_by = $5 WHERE instance " EQ " $1",
                                         {INT8OID, INT8OID, TIMESTAMPTZOID, JSONBOID, INT8OID}};
constinit pg::Statement g_search{
    "search_workflow",
    "UPDATE foreman.workflow_instance SET search = pg_catalog.jsonb_strip_nulls(COALESCE(search, '{}') " CAT
    " $2) WHERE instance " EQ " $1",
    {INT8OID, JSONBOID}};
constinit pg::Statement g_end{
    "end_workflow",
    "UPDATE foreman.workflow_instance SET state = $2, reason = $3, ended_at = $4 WHERE instance " EQ
    " $1 RETURNING workflow_type, parked IS NOT NULL",
    {INT8OID, CHAROID, TEXTOID, TIMESTAMPTZOID}};

constinit pg::Statement g_failed_effect{
    "failed_workflow_effect",
    "UPDATE foreman.workflow_instance SET failed_effect = $2 WHERE instance " EQ " $1",
    {INT8OID, INT8OID}};

#define FAMILY_COLUMNS "instance, state, workflow_type, workflow_id, on_parent_end, root"
// The sum keeps the planner from the primary key, which it would read whole for that order.
constinit pg::Statement g_children{"running_workflow_children",
                                   "SELECT " FAMILY_COLUMNS " FROM foreman.workflow_instance WHERE parent " EQ
                                   " $1 AND state " EQ " 'r' ORDER BY instance " PLUS " 0",
                                   {INT8OID}};
constinit pg::Statement g_family{"workflow_family",
                                 "SELECT " FAMILY_COLUMNS " FROM foreman.workflow_instance WHERE instance " EQ
                                 " $1",
                                 {INT8OID}};

constinit pg::Statement g_hold{"hold_workflow",
                               "SELECT state FROM foreman.workflow_instance WHERE instance " EQ
                               " $1 FOR SHARE SKIP LOCKED",
                               {INT8OID}};

constinit pg::Statement g_current{"current_workflow",
                                  "SELECT c.instance FROM foreman.workflow_instance i JOIN "
                                  "foreman.workflow_instance c ON c.workflow_type " EQ
                                  " i.workflow_type AND c.workflow_id " EQ " i.workflow_id AND c.root " EQ
                                  " i.root AND c.state " NE " 'n' WHERE i.instance " EQ " $1",
                                  {INT8OID}};

constinit pg::Statement g_payloads{
    "workflow_event_payloads",
    "SELECT e.event_type, pg_catalog.jsonb_build_object('workflow_type', $1, 'workflow_id', $2, 'sequence', "
    "e.sequence, 'event_type', e.event_type, 'version', e.version, 'data', e.data, 'recorded_at', "
    "e.recorded_at) "
    "FROM foreman.workflow_event e WHERE e.instance " EQ " $3 AND e.sequence " GE " $4 ORDER BY e.sequence",
    {TEXTOID, TEXTOID, INT8OID, INT8OID}};
constinit pg::Statement g_append{
    "append_workflow_events",
    "INSERT INTO foreman.workflow_event (instance, sequence, event_type, version, data, recorded_at) SELECT "
    "$1, $2 " PLUS " e.n " MINUS
    " 1, e.x OPERATOR(pg_catalog.->>) 'type', COALESCE((e.x OPERATOR(pg_catalog.->>) "
    "'version')::pg_catalog.int4, 1), COALESCE(e.x OPERATOR(pg_catalog.->) 'data', '{}'), $4 FROM "
    "pg_catalog.jsonb_array_elements($3) WITH ORDINALITY AS e (x, n)",
    {INT8OID, INT8OID, JSONBOID, TIMESTAMPTZOID}};
constinit pg::Statement g_read{
    "workflow_events_after",
    "SELECT sequence, version, event_type, pg_catalog.jsonb_build_object('type', event_type, 'data', data, "
    "'version', version) FROM foreman.workflow_event WHERE instance " EQ " $1 AND sequence " GT
    " $2 AND sequence " LE " $3 ORDER BY sequence LIMIT $4",
    {INT8OID, INT8OID, INT8OID, INT4OID}};

using board::WorkflowCount;

// How long a process of ours waits for somebody who begins an instance of the same id.
constexpr int kMomentMs = 10;

RowVersion read_version(const pg::Row& r, int first) {
    const auto* place = reinterpret_cast<ItemPointer>(DatumGetPointer(r.datum(first + 1)));
    return {DatumGetTransactionId(r.datum(first)), ItemPointerGetBlockNumberNoCheck(place),
            ItemPointerGetOffsetNumberNoCheck(place)};
}

void read_instance(const pg::Row& r, MemoryContext context, Instance* out) {
    *out = {};
    out->instance = r.i64(1);
    out->root = r.i64(2);
    out->state = r.letter_of<core::InstanceState>(3);
    out->sequence = r.i64(4);
    if (!r.is_null(5)) out->folded = pg::copy_varlena(r.datum(5), context);
    out->folded_sequence = r.i64(6);
    if (!r.is_null(7)) out->folded_by = r.i64(7);
    if (!r.is_null(8)) out->parent = r.i64(8);
    if (!r.is_null(9)) out->on_end = {pg::copy_text(r.view(9), context), r.view(9).size()};
    out->version = read_version(r, 10);
    out->unseen = r.i64(12);
}

void read_member(const pg::Row& r, MemoryContext context, Family* out) {
    out->instance = r.i64(1);
    out->state = r.letter_of<core::InstanceState>(2);
    out->type = {pg::copy_text(r.view(3), context), r.view(3).size()};
    out->id = {pg::copy_text(r.view(4), context), r.view(4).size()};
    out->on_parent_end = r.is_null(5) ? core::OnParentEnd::abandon : r.letter_of<core::OnParentEnd>(5);
    out->root = r.i64(6);
}

void count_begun(std::string_view type, int32 n) {
    board::WorkflowDelta delta;
    delta[WorkflowCount::running] = delta[WorkflowCount::started] = n;
    remember_workflow_counts(type, delta);
}

WorkflowCount count_of(core::InstanceState ended) noexcept {
    switch (ended) {
        case core::InstanceState::failed:
            return WorkflowCount::failed;
        case core::InstanceState::cancelled:
            return WorkflowCount::cancelled;
        case core::InstanceState::terminated:
            return WorkflowCount::terminated;
        case core::InstanceState::continued:
            return WorkflowCount::continued;
        default:
            return WorkflowCount::completed;
    }
}

// Unless whoever held the key has ended meanwhile.
void refuse_held_key(const NewInstance& n) {
    pg::Args<2> a;
    a.text(1, n.type.type()).text(2, n.unique_key);
    const pg::Rows rows = g_holder_of_key.execute(a);
    if (rows.empty()) return;
    const std::string_view holder = rows[0].view(1);
    throw pg::Failure(ERRCODE_UNIQUE_VIOLATION,
                      "workflow type \"%s\" has a running instance with unique key \"%.*s\"", n.type.name,
                      static_cast<int>(n.unique_key.size()), n.unique_key.data())
        .detail("Workflow \"%.*s\" has the key until it ends; \"%.*s\" was not begun.",
                static_cast<int>(holder.size()), holder.data(), static_cast<int>(n.id.size()), n.id.data());
}

}  // namespace

Locked lock_instance(std::string_view type, std::string_view id, Wait wait, MemoryContext context,
                     Instance* out, Absent absent) {
    const AsOwner scope;
    pg::Args<2> a;
    a.text(1, type).text(2, id);
    // Whoever was waited for may have continued it as another instance, which the statement that waited does not see.
    for (;;) {
        const pg::Rows rows = (wait == Wait::never ? g_try_lock : g_lock).execute(a);
        if (!rows.empty()) {
            read_instance(rows[0], context, out);
            return Locked::yes;
        }
        if (wait == Wait::for_others && absent == Absent::perhaps) return Locked::absent;
        if (g_find.execute(a).empty()) return Locked::absent;
        if (wait == Wait::never) return Locked::busy;
        pg::check_interrupts();
    }
}

bool find_instance(std::string_view type, std::string_view id, MemoryContext context, Instance* out) {
    const AsOwner scope;
    pg::Args<2> a;
    a.text(1, type).text(2, id);
    const pg::Rows rows = g_find.execute(a);
    if (rows.empty()) return false;
    read_instance(rows[0], context, out);
    return true;
}

bool begin_instance(const NewInstance& n, Wait wait, core::Instant now, Instance* out) {
    const AsOwner scope;
    if (wait == Wait::never) LockTimeout = kMomentMs;
    hold_type(n.type);
    const int64 instance = pg::call<&nextval_internal>(schema().workflow_instance_sequence, false);
    const int64 root = n.root != 0 ? n.root : instance;
    pg::Args<9> a;
    a.text(1, n.type.type()).text(2, n.id).instant(4, now);
    a.i64(3, root).i64(9, instance);
    if (!n.unique_key.empty()) a.text(5, n.unique_key);
    if (n.parent != 0) a.i64(6, n.parent).letter(8, n.on_parent_end);
    if (!n.on_end.empty()) a.text(7, n.on_end);
    if (g_begin.execute(a).processed() > 0) {
        *out = {};
        out->instance = instance;
        out->root = root;
        out->parent = n.parent;
        out->on_end = n.on_end;
        out->is_new = true;
        count_begun(n.type.type(), 1);
        return true;
    }
    pg::Args<2> id;
    id.text(1, n.type.type()).text(2, n.id);
    if (!n.unique_key.empty() && g_find.execute(id).empty()) refuse_held_key(n);
    return false;
}

int64 current_instance(int64 instance) {
    if (instance == 0) return 0;
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, instance);
    const pg::Rows rows = g_current.execute(a);
    return rows.empty() ? instance : rows[0].i64(1);
}

void forget_instance(int64 instance) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, instance);
    for (const pg::Row r : g_forget.execute(a)) count_begun(r.view(1), -1);
}

std::optional<RowVersion> advance_instance(const Advance& v) {
    const AsOwner scope;
    if (v.search) merge_search(v.instance, *v.search);
    if (v.folded) {
        pg::Args<5> a;
        a.i64(1, v.instance).i64(2, v.sequence).instant(3, v.at).set(4, *v.folded).i64(5, v.folded_by);
        g_advance_folded.execute(a);
        return std::nullopt;
    }
    pg::Args<4> a;
    a.i64(1, v.instance).i64(2, v.sequence).instant(3, v.at).i64(4, v.unseen);
    const pg::Rows rows = g_advance.execute(a);
    return read_version(rows[0], 1);
}

void merge_search(int64 instance, Datum search) {
    const AsOwner scope;
    pg::Args<2> a;
    a.i64(1, instance).set(2, search);
    g_search.execute(a);
}

void end_instance(int64 instance, core::InstanceState state, std::string_view reason, core::Instant at) {
    const AsOwner scope;
    pg::Args<4> a;
    a.i64(1, instance).letter(2, state).instant(4, at);
    if (!reason.empty()) a.text(3, reason);
    for (const pg::Row r : g_end.execute(a)) {
        board::WorkflowDelta delta;
        delta[WorkflowCount::running] = -1;
        if (r.boolean(2)) delta[WorkflowCount::parked] = -1;
        delta[count_of(state)] = 1;
        remember_workflow_counts(r.view(1), delta);
    }
}

void note_failed_effect(int64 instance, int64 effect) {
    const AsOwner scope;
    pg::Args<2> a;
    a.i64(1, instance).i64(2, effect);
    g_failed_effect.execute(a);
}

void running_children(int64 parent, MemoryContext context, pg::vector<Family>* out) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, parent);
    for (const pg::Row r : g_children.execute(a)) read_member(r, context, &out->emplace_back());
}

bool read_family(int64 instance, MemoryContext context, Family* out) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, instance);
    const pg::Rows rows = g_family.execute(a);
    if (rows.empty()) return false;
    read_member(rows[0], context, out);
    return true;
}

Held hold_instance(int64 instance) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, instance);
    const pg::Rows held = g_hold.execute(a);
    if (held.empty()) return g_family.execute(a).empty() ? Held::ended : Held::busy;
    const auto state = static_cast<core::InstanceState>(held[0].letter(1));
    return state == core::InstanceState::running || state == core::InstanceState::continued ? Held::runs
                                                                                            : Held::ended;
}

void append_events(std::string_view type, int64 instance, int64 first, Datum events, core::Instant at) {
    const AsOwner scope;
    pg::Args<4> a;
    a.i64(1, instance).i64(2, first).set(3, events).instant(4, at);
    const std::uint64_t n = g_append.execute(a).processed();
    remember_workflow_count(type, WorkflowCount::events, static_cast<int32>(n));
}

void event_payloads(std::string_view type, std::string_view id, int64 instance, int64 first,
                    MemoryContext context, pg::vector<EventPayload>* out) {
    const AsOwner scope;
    pg::Args<4> a;
    a.text(1, type).text(2, id).i64(3, instance).i64(4, first);
    for (const pg::Row r : g_payloads.execute(a))
        out->push_back(
            {{pg::copy_text(r.view(1), context), r.view(1).size()}, pg::copy_varlena(r.datum(2), context)});
}

void read_events(int64 instance, int64 after, int64 last, int max, MemoryContext context,
                 pg::vector<StoredEvent>* out) {
    const AsOwner scope;
    pg::Args<4> a;
    a.i64(1, instance).i64(2, after).i64(3, last).i32(4, max);
    const pg::Rows rows = g_read.execute(a);
    out->reserve(out->size() + rows.size());
    for (const pg::Row r : rows)
        out->push_back({r.i64(1),
                        r.i32(2),
                        {pg::copy_text(r.view(3), context), r.view(3).size()},
                        pg::copy_varlena(r.datum(4), context)});
}

}  // namespace foreman::store
