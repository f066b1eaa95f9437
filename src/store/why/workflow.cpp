// See workflow.hpp.
#include "store/why/workflow.hpp"

#include "core/workflow.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/spi.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/access.hpp"
#include "store/definitions/definitions.hpp"
#include "store/why/detail.hpp"

namespace foreman::store {

namespace {

constinit pg::Statement g_instance{
    "why_workflow",
    "SELECT instance, state, ended_at, reason FROM foreman.workflow_instance WHERE workflow_id " EQ
    " $2 AND (workflow_type " CAT " '') " EQ " $1 AND state " NE " 'n'",
    {TEXTOID, TEXTOID}};

#define OBJECT "pg_catalog.jsonb_build_object"
// The reason, its detail, until when, and the job that does it.
constinit pg::Statement g_inputs{
    "why_workflow_inputs",
    "(SELECT CASE WHEN job_id IS NULL THEN 'input_held_back' ELSE 'input_pending' END, " OBJECT
    "('input', input, 'received_at', received_at), NULL::pg_catalog.timestamptz, job_id FROM "
    "foreman.workflow_input WHERE workflow_type " EQ " $1 AND workflow_id " EQ " $2 AND state " EQ
    " 'p' ORDER BY input LIMIT $3) UNION ALL (SELECT 'input_dead', " OBJECT
    "('input', input, 'received_at', received_at), NULL, job_id FROM foreman.workflow_input WHERE "
    "workflow_type " EQ " $1 AND workflow_id " EQ " $2 AND state " NE " 'p' AND state " EQ
    " 'd' ORDER BY input LIMIT $3)",
    {TEXTOID, TEXTOID, INT8OID}};

constinit pg::Statement g_of_instance{
    "why_workflow_instance",
    "(SELECT CASE WHEN state " EQ " 'o' THEN 'effect_open' WHEN state " EQ
    " 'u' THEN 'undo_running' ELSE 'undo_failed' END, " OBJECT
    "('effect', key, 'kind', kind), NULL::pg_catalog.timestamptz, CASE WHEN state " EQ
    " 'o' THEN job_id ELSE undo_job_id END FROM foreman.workflow_effect WHERE instance " EQ
    " $1 AND state " EQ
    " ANY ('{o,u,d}'::pg_catalog.\"char\"[]) ORDER BY effect LIMIT $3) UNION ALL (SELECT 'timer', " OBJECT
    "('timer', pg_catalog.substr(unique_key, pg_catalog.strpos(unique_key, ':') " PLUS
    " 1)), run_at, CASE WHEN run_at " LE " $4 THEN job_id END FROM foreman.live_job WHERE kind " EQ
    " $2 AND unique_key " GE " ($1::pg_catalog.text " CAT " ':') AND unique_key " LT
    " ($1::pg_catalog.text " CAT " ';') AND unique_as " EQ
    " ANY ('{t,s}'::pg_catalog.\"char\"[]) ORDER BY unique_key LIMIT $3) UNION ALL (SELECT "
    "'child_running', " OBJECT
    "('workflow_type', workflow_type, 'workflow_id', workflow_id), NULL, NULL FROM foreman.workflow_instance "
    "WHERE parent " EQ " $1 AND state " EQ " 'r' ORDER BY instance " PLUS
    " 0 LIMIT $3) UNION ALL (SELECT CASE WHEN i.parked IS NULL THEN 'task' ELSE 'parked' "
    "END, CASE WHEN i.parked IS NULL THEN " OBJECT
    "('job_id', j.job_id, 'worker', j.worker, 'worker_version', i.worker_version) WHEN $5 THEN i.parked ELSE "
    "'{}' "
    "END, CASE WHEN j.run_at " GT
    " $4 THEN j.run_at END, NULL FROM foreman.workflow_instance i LEFT JOIN foreman.live_job j ON "
    "j.job_id " EQ " i.task WHERE i.instance " EQ " $1 AND (i.parked IS NOT NULL OR j.job_id IS NOT NULL))",
    {INT8OID, TEXTOID, INT8OID, TIMESTAMPTZOID, BOOLOID}};

constexpr const char* kReasons[] = {"input_pending", "input_held_back", "input_dead", "effect_open",
                                    "undo_running",  "undo_failed",     "timer",      "child_running",
                                    "task",          "parked"};

// Reasons are literals.
const char* literal(std::string_view reason) noexcept {
    for (const char* known : kReasons) {
        if (reason == known) return known;
    }
    return "";
}

struct Found {
    Reason reason;
    int64 job_id;  // 0: none
};

void collect(const pg::Rows& rows, MemoryContext context, pg::vector<Found>* out) {
    for (const pg::Row r : rows) {
        Found f{};
        f.reason.reason = literal(r.view(1));
        f.reason.detail = pg::copy_varlena(r.datum(2), context);
        if (!r.is_null(3)) f.reason.until = r.instant(3);
        if (!r.is_null(4)) f.job_id = r.i64(4);
        out->push_back(f);
    }
}

// The detail with the job, and why it does not run.
void explain_job(Found* f, core::Instant now) {
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<Reason> reasons(&memory);
    reasons_of(f->job_id, now, &reasons);
    const std::string_view detail = pg::jsonb_to_text(f->reason.detail);
    StringInfoData text;
    pg::guarded([&] {
        initStringInfo(&text);
        appendBinaryStringInfo(&text, detail.data(), static_cast<int>(detail.size()) - 1);
        appendStringInfo(&text, ", \"job_id\": " INT64_FORMAT ", \"job\": [", f->job_id);
    });
    for (const Reason& r : reasons) {
        const std::string_view inner = pg::jsonb_to_text(r.detail);
        pg::guarded([&] {
            appendStringInfo(&text, "%s{\"reason\": \"%s\", \"detail\": %.*s}",
                             &r == reasons.data() ? "" : ", ", r.reason, static_cast<int>(inner.size()),
                             inner.data());
        });
        if (r.until && !f->reason.until) f->reason.until = r.until;
    }
    pg::guarded([&] { appendStringInfoString(&text, "]}"); });
    f->reason.detail = pg::jsonb_from_text({text.data, static_cast<std::size_t>(text.len)});
}

struct Row {
    int64 instance = 0;  // 0: there is none
    core::InstanceState state = core::InstanceState::running;
};

Row read(const WorkflowType& type, std::string_view id, pg::vector<Reason>* out) {
    const MemoryContext context = CurrentMemoryContext;
    const bool tells_reason = may_see_args(type.queue);
    const AsOwner scope;
    pg::Args<2> a;
    a.text(1, type.type()).text(2, id);
    const pg::Rows rows = g_instance.execute(a, true);
    if (rows.empty()) return {};
    const Row row{rows[0].i64(1), static_cast<core::InstanceState>(rows[0].letter(2))};
    if (row.state == core::InstanceState::running) return row;
    Detail d(context);
    d.text("state", core::state_word(row.state));
    if (!rows[0].is_null(4) && tells_reason) d.text("reason", rows[0].view(4));
    out->push_back({"ended", d.done(), std::nullopt});
    return row;
}

void read_work(const WorkflowType& type, std::string_view id, int64 instance, core::Instant now,
               pg::vector<Found>* out) {
    const MemoryContext context = CurrentMemoryContext;
    const bool tells_commands = may_see_args(type.queue);
    const AsOwner scope;
    pg::Args<3> inputs;
    inputs.text(1, type.type()).text(2, id).i64(3, kMostReasons);
    collect(g_inputs.execute(inputs, true), context, out);
    if (instance == 0) return;
    pg::Args<5> a;
    a.i64(1, instance).text(2, type.kind).i64(3, kMostReasons).instant(4, now).boolean(5, tells_commands);
    collect(g_of_instance.execute(a, true), context, out);
}

}  // namespace

bool reasons_of_workflow(const WorkflowType& type, std::string_view id, core::Instant now,
                         pg::vector<Reason>* out) {
    const Row row = read(type, id, out);
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<Found> found(&memory);
    read_work(type, id, row.instance, now, &found);
    for (Found& f : found) {
        if (f.job_id != 0) explain_job(&f, now);
        out->push_back(f.reason);
    }
    if (row.instance == 0 && found.empty()) {
        Detail d(CurrentMemoryContext);
        d.text("workflow_type", type.type()).text("workflow_id", id);
        out->push_back({"not_found", d.done(), std::nullopt});
        return false;
    }
    const bool runs = row.instance != 0 && row.state == core::InstanceState::running;
    if (runs && find_queue(type.queue).paused) {
        Detail d(CurrentMemoryContext);
        out->push_back({"queue_paused", d.text("queue", type.queue).done(), std::nullopt});
    }
    return runs && found.empty();
}

}  // namespace foreman::store
