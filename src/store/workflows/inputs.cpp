// See inputs.hpp.
#include "store/workflows/inputs.hpp"

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/json_object.hpp"
#include "pg/spi.hpp"
#include "store/commit/remember.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::store {

namespace {

constinit pg::Statement g_send{"send_workflow_input",
                               "INSERT INTO foreman.workflow_input (input, workflow_type, workflow_id, root, "
                               "source, input_id, payload, begins, "
                               "parent, on_end, on_parent_end, ends, effect, job_id, received_at) VALUES "
                               "(pg_catalog.nextval('foreman.workflow_input_seq'), $1, $2, $3, $4, $5, $6, "
                               "$7, $8, $9, $10, $11, $12, $13, $14) "
                               "ON CONFLICT (workflow_type, workflow_id, input_id) WHERE input_id IS NOT "
                               "NULL DO NOTHING RETURNING input",
                               {TEXTOID, TEXTOID, INT8OID, CHAROID, TEXTOID, JSONBOID, BOOLOID, INT8OID,
                                TEXTOID, CHAROID, BOOLOID, INT8OID, INT8OID, TIMESTAMPTZOID}};
constinit pg::Statement g_of_name{"workflow_input_of_name",
                                  "SELECT input, state, rejection, first_sequence, last_sequence FROM "
                                  "foreman.workflow_input WHERE workflow_type " EQ " $1 AND workflow_id " EQ
                                  " $2 AND input_id " EQ " $3",
                                  {TEXTOID, TEXTOID, TEXTOID}};
#define INPUT_COLUMNS                                                                                \
    "i.input, i.state, i.source, i.workflow_id, i.input_id, i.payload, i.begins, i.root, i.parent, " \
    "i.on_end, "                                                                                     \
    "i.on_parent_end, i.ends, i.effect, i.job_id"
constinit pg::Statement g_read{"workflow_input",
                               "SELECT " INPUT_COLUMNS " FROM foreman.workflow_input i WHERE i.input " EQ
                               " $1",
                               {INT8OID}};
constinit pg::Statement g_waits{"workflow_input_waits",
                                "SELECT 1 FROM foreman.workflow_input WHERE input " EQ " $1 AND state " EQ
                                " 'p'",
                                {INT8OID}};
// The sum keeps the planner from the primary key, which it would take while the table is empty.
constinit pg::Statement g_pending{"pending_workflow_inputs",
                                  "SELECT " INPUT_COLUMNS ", j.attempt " GT
                                  " 0, j.run_at FROM foreman.workflow_input i LEFT JOIN foreman.live_job j "
                                  "ON j.job_id " EQ " i.job_id WHERE i.workflow_type " EQ
                                  " $1 AND i.workflow_id " EQ " $2 AND i.state " EQ " 'p' AND i.input " PLUS
                                  " 0 " LT " $3 ORDER BY i.input LIMIT $4",
                                  {TEXTOID, TEXTOID, INT8OID, INT4OID}};

constinit pg::Statement g_set_job{"set_workflow_input_job",
                                  "UPDATE foreman.workflow_input SET job_id = $2 WHERE input " EQ " $1",
                                  {INT8OID, INT8OID}};
// Of the sources that core::keeps_its_place() names. Rows are compared, lest the planner take the primary key; one that
// somebody deletes just now is not waited for.
constinit pg::Statement g_hold{
    "hold_workflow_inputs",
    "UPDATE foreman.workflow_input SET job_id = NULL WHERE input " EQ
    " ANY (pg_catalog.array_append(ARRAY (SELECT i.input FROM foreman.workflow_input i WHERE "
    "(i.workflow_type, i.workflow_id, i.input) " GT " ($1, $2, $3) AND (i.workflow_type, i.workflow_id) " LE
    " ($1, $2) AND i.state " EQ " 'p' AND i.source " EQ
    " ANY ('{s,r,c}'::pg_catalog.\"char\"[]) ORDER BY i.workflow_type, i.workflow_id, i.input LIMIT 1000 "
    "FOR UPDATE SKIP LOCKED), $3)) AND job_id IS NOT NULL",
    {TEXTOID, TEXTOID, INT8OID}};
// The type is compared as an expression, lest the index of all that are pending be taken.
constinit pg::Statement g_last_held{"last_held_workflow_input",
                                    "SELECT input FROM foreman.workflow_input WHERE workflow_id " EQ
                                    " $2 AND (workflow_type " CAT " '') " EQ " $1 AND state " EQ
                                    " 'p' AND job_id IS NULL ORDER BY input DESC LIMIT 1",
                                    {TEXTOID, TEXTOID}};

constinit pg::Statement g_keep{"keep_workflow_input",
                               "UPDATE foreman.workflow_input SET state = $2, handled_at = $3, rejection = "
                               "$4, first_sequence = $5, last_sequence "
                               "= $6 WHERE input " EQ " $1 RETURNING workflow_type",
                               {INT8OID, CHAROID, TIMESTAMPTZOID, JSONBOID, INT8OID, INT8OID}};
constinit pg::Statement g_drop{"drop_workflow_input",
                               "DELETE FROM foreman.workflow_input WHERE input " EQ
                               " $1 RETURNING workflow_type, state " EQ " 'p'",
                               {INT8OID}};
constinit pg::Statement g_end_told{"tell_workflow_child_once",
                                   "UPDATE foreman.workflow_input SET on_end = NULL WHERE input " EQ " $1",
                                   {INT8OID}};
constinit pg::Statement g_record{
    "record_workflow_input",
    "INSERT INTO foreman.workflow_input AS i (input, workflow_type, workflow_id, state, source, input_id, "
    "payload, "
    "received_at, handled_at, rejection, first_sequence, last_sequence) VALUES "
    "(pg_catalog.nextval('foreman.workflow_input_seq'), $1, $2, $3, $4, $5, $6, $7, $7, $8, $9, $10) ON "
    "CONFLICT "
    "(workflow_type, workflow_id, input_id) WHERE input_id IS NOT NULL DO UPDATE SET state = excluded.state, "
    "source = excluded.source, payload = excluded.payload, handled_at = excluded.handled_at, rejection = "
    "excluded.rejection, first_sequence = excluded.first_sequence, last_sequence = excluded.last_sequence "
    "WHERE i.state " EQ " ANY ('{p,d}'::pg_catalog.\"char\"[]) RETURNING CASE WHEN i.xmax " NE
    " '0'::pg_catalog.xid THEN (SELECT b.state " EQ " 'p' FROM foreman.workflow_input b WHERE b.input " EQ
    " i.input) END",
    {TEXTOID, TEXTOID, CHAROID, CHAROID, TEXTOID, JSONBOID, TIMESTAMPTZOID, JSONBOID, INT8OID, INT8OID}};
constinit pg::Statement g_change_state{"change_workflow_input",
                                       "UPDATE foreman.workflow_input SET state = $3 WHERE input " EQ
                                       " $1 AND state " EQ " $2 RETURNING workflow_type",
                                       {INT8OID, CHAROID, CHAROID}};

void read_columns(const pg::Row& r, MemoryContext context, Input* i) {
    i->input = r.i64(1);
    i->state = r.letter_of<core::InputState>(2);
    i->source = r.letter_of<core::InputSource>(3);
    i->id = r.copy(4, context);
    i->input_id = r.copy(5, context);
    i->payload = pg::copy_varlena(r.datum(6), context);
    i->begins = r.boolean(7);
    if (!r.is_null(8)) i->root = r.i64(8);
    if (!r.is_null(9)) i->parent = r.i64(9);
    i->on_end = r.copy(10, context);
    if (!r.is_null(11)) i->on_parent_end = r.letter_of<core::OnParentEnd>(11);
    i->ends = r.boolean(12);
    if (!r.is_null(13)) i->effect = r.i64(13);
    if (!r.is_null(14)) i->job_id = r.i64(14);
}

void count_pending(std::string_view type, int32 n) {
    remember_workflow_count(type, board::WorkflowCount::pending_inputs, n);
}

bool change_state(int64 input, core::InputState from, core::InputState to) {
    const AsOwner scope;
    pg::Args<3> a;
    a.i64(1, input).letter(2, from).letter(3, to);
    const pg::Rows rows = g_change_state.execute(a);
    for (const pg::Row r : rows) count_pending(r.view(1), to == core::InputState::pending ? 1 : -1);
    return !rows.empty();
}

Datum job_args(std::string_view id, int64 input) {
    return pg::JsonObject().text("workflow_id", id).number("input", input).done();
}

void insert_input_job(const WorkflowType& t, std::string_view id, int64 input, int64 job_id) {
    NewJob job;
    job.kind = t.kind;
    job.queue = t.queue;
    job.priority = find_queue(t.queue).priority;
    job.run_at = now();
    job.role = t.run_as;
    job.args = job_args(id, input);
    job.id = job_id;
    job.origin = core::Origin::workflow_input;
    job.origin_id = input;
    insert_job(job);
}

}  // namespace

SentInput send_input(const WorkflowType& t, const NewInput& i) {
    const AsOwner scope;
    const int64 job_id = next_job_id();
    pg::Args<14> a;
    a.text(1, t.type()).text(2, i.id).letter(4, i.source).set(6, i.payload);
    a.boolean(7, i.begins).boolean(11, i.ends).i64(13, job_id).instant(14, now());
    if (i.root != 0) a.i64(3, i.root);
    if (!i.input_id.empty()) a.text(5, i.input_id);
    if (i.parent != 0) a.i64(8, i.parent).letter(10, i.on_parent_end);
    if (!i.on_end.empty()) a.text(9, i.on_end);
    if (i.effect != 0) a.i64(12, i.effect);
    int64 input = 0;
    {
        const pg::Rows rows = g_send.execute(a);
        if (!rows.empty()) input = rows[0].i64(1);
    }
    if (input == 0) {
        pg::Args<3> n;
        n.text(1, t.type()).text(2, i.id).text(3, i.input_id);
        const pg::Rows rows = g_of_name.execute(n);
        if (rows.empty())
            throw pg::Failure(ERRCODE_T_R_SERIALIZATION_FAILURE,
                              "another transaction sent an input of input_id \"%.*s\"",
                              static_cast<int>(i.input_id.size()), i.input_id.data())
                .hint("Try again.");
        return {rows[0].i64(1), false};
    }
    insert_input_job(t, i.id, input, job_id);
    count_pending(t.type(), 1);
    return {input, true};
}

bool read_input(int64 input, MemoryContext context, Input* out) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, input);
    const pg::Rows rows = g_read.execute(a);
    if (rows.empty()) return false;
    read_columns(rows[0], context, out);
    return true;
}

bool input_waits(int64 input) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, input);
    return !g_waits.execute(a).empty();
}

void pending_inputs(const WorkflowType& t, std::string_view id, int64 before, int max, MemoryContext context,
                    pg::vector<Input>* out) {
    const AsOwner scope;
    pg::Args<4> a;
    a.text(1, t.type()).text(2, id).i64(3, before).i32(4, max);
    const pg::Rows rows = g_pending.execute(a);
    for (const pg::Row r : rows) {
        Input& i = out->emplace_back();
        read_columns(r, context, &i);
        i.failing = !r.is_null(15) && r.boolean(15);
        if (!r.is_null(16)) i.retry_at = r.instant(16);
    }
}

void finish_input(int64 input, const InputAnswer& answer, core::Instant at, bool keep) {
    const AsOwner scope;
    if (!keep) {
        drop_input(input);
        return;
    }
    pg::Args<6> a;
    a.i64(1, input).letter(2, answer.state).instant(3, at);
    if (answer.rejection) a.set(4, *answer.rejection);
    if (answer.last_sequence != 0) a.i64(5, answer.first_sequence).i64(6, answer.last_sequence);
    for (const pg::Row r : g_keep.execute(a)) count_pending(r.view(1), -1);
}

bool record_input(const WorkflowType& t, const NewInput& i, const InputAnswer& answer, core::Instant at) {
    const AsOwner scope;
    pg::Args<10> a;
    a.text(1, t.type()).text(2, i.id).letter(3, answer.state);
    a.letter(4, i.source).set(6, i.payload).instant(7, at);
    if (!i.input_id.empty()) a.text(5, i.input_id);
    if (answer.rejection) a.set(8, *answer.rejection);
    if (answer.last_sequence != 0) a.i64(9, answer.first_sequence).i64(10, answer.last_sequence);
    const pg::Rows rows = g_record.execute(a);
    // The input of this input_id that waited is handled with it.
    if (!rows.empty() && !rows[0].is_null(1) && rows[0].boolean(1)) count_pending(t.type(), -1);
    return !rows.empty();
}

std::optional<InputAnswer> find_answer(std::string_view type, std::string_view id, std::string_view input_id,
                                       MemoryContext context) {
    const AsOwner scope;
    pg::Args<3> a;
    a.text(1, type).text(2, id).text(3, input_id);
    const pg::Rows rows = g_of_name.execute(a);
    if (rows.empty()) return std::nullopt;
    const pg::Row r = rows[0];
    InputAnswer answer{r.letter_of<core::InputState>(2), {}, 0, 0};
    if (answer.state == core::InputState::pending || answer.state == core::InputState::dead)
        return std::nullopt;
    if (!r.is_null(3)) answer.rejection = pg::copy_varlena(r.datum(3), context);
    if (!r.is_null(4)) answer.first_sequence = r.i64(4);
    if (!r.is_null(5)) answer.last_sequence = r.i64(5);
    return answer;
}

void hold_inputs(const WorkflowType& t, const Input& first) {
    const AsOwner scope;
    pg::Args<3> a;
    a.text(1, t.type()).text(2, first.id).i64(3, first.input);
    g_hold.execute(a);
}

void call_held_inputs(const WorkflowType& t, std::string_view id) {
    const AsOwner scope;
    pg::Args<2> a;
    a.text(1, t.type()).text(2, id);
    int64 last = 0;
    for (const pg::Row r : g_last_held.execute(a)) last = r.i64(1);
    if (last == 0) return;
    const int64 job_id = next_job_id();
    insert_input_job(t, id, last, job_id);
    pg::Args<2> job;
    job.i64(1, last).i64(2, job_id);
    g_set_job.execute(job);
}

bool bury_input(int64 input) {
    return change_state(input, core::InputState::pending, core::InputState::dead);
}
bool revive_input(int64 input) {
    return change_state(input, core::InputState::dead, core::InputState::pending);
}

void end_told(int64 input) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, input);
    g_end_told.execute(a);
}

void drop_input(int64 input) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, input);
    for (const pg::Row r : g_drop.execute(a)) {
        if (r.boolean(2)) count_pending(r.view(1), -1);
    }
}

}  // namespace foreman::store
