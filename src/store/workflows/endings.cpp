// What workflows hear of the ends of the jobs that they asked for: effects, timers, undos, and the jobs that handle
// inputs. Each end and the input that follows from it are one transaction, so neither is lost.
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/spi.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/jobs/ended.hpp"
#include "store/workflows/effects.hpp"
#include "store/workflows/inputs.hpp"
#include "store/workflows/instances.hpp"

namespace foreman::store {

namespace {

// How a job ended, for the input that tells it: the last of its errors, with the reason it was discarded or
// cancelled for.
#define ERROR_OF(errors, reason, state)                                                                 \
    "(COALESCE(" errors " OPERATOR(pg_catalog.->) -1, '{}') OPERATOR(pg_catalog.-) 'context' " CAT      \
    " pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('reason', " reason ", 'state', " state \
    ")))"

constinit pg::Statement g_end_effect{
    "end_workflow_effect",
    "UPDATE foreman.workflow_effect e SET state = $3, result = CASE WHEN undo IS NOT NULL THEN $4 END, error = CASE "
    "WHEN $3 " NE " 'c' THEN " ERROR_OF("$5", "$6", "$7") " END, ended_at = $8 FROM foreman.workflow_instance i WHERE "
    "e.effect " EQ " $1 AND e.job_id " EQ " $2 AND e.state " EQ " ANY ('{o,f,x}'::pg_catalog.\"char\"[]) AND "
    "i.instance " EQ " e.instance RETURNING i.workflow_type, i.workflow_id, i.root, i.state, CASE WHEN $3 " EQ
    " 'c' THEN e.on_result ELSE e.on_failure END, pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('effect', "
    "e.key, 'error', e.error)) " CAT " CASE WHEN $3 " EQ
    " 'c' THEN pg_catalog.jsonb_build_object('result', COALESCE($4, 'null')) ELSE '{}' END, e.undo IS NOT NULL",
    {INT8OID, INT8OID, CHAROID, JSONBOID, JSONBOID, TEXTOID, TEXTOID, TIMESTAMPTZOID}};
constinit pg::Statement g_reopen_effect{
    "reopen_workflow_effect",
    "UPDATE foreman.workflow_effect e SET state = 'o', result = NULL, error = NULL, ended_at = NULL WHERE "
    "e.effect " EQ " $1 AND e.job_id " EQ " $2 AND e.state " EQ
    " ANY ('{f,x}'::pg_catalog.\"char\"[]) AND NOT EXISTS (SELECT FROM foreman.workflow_effect o WHERE "
    "o.instance " EQ " e.instance AND o.key " EQ " e.key AND o.state " NE
    " ALL ('{f,x}'::pg_catalog.\"char\"[]))",
    {INT8OID, INT8OID}};
// Workers outside replay by the first end of a command that they were told: what follows is an event of another name.
constinit pg::Statement g_end_was_told{
    "workflow_effect_end_was_told",
    "UPDATE foreman.workflow_effect e SET on_result = 'effect_retried:' " CAT
    " e.key, on_failure = 'effect_retried:' " CAT
    " e.key FROM foreman.workflow_instance i JOIN foreman.workflow_type t ON t.workflow_type " EQ
    " i.workflow_type WHERE e.effect " EQ " $1 AND i.instance " EQ
    " e.instance AND t.decide IS NULL AND (EXISTS (SELECT FROM foreman.workflow_event v WHERE v.instance " EQ
    " e.instance AND v.event_type " EQ
    " ANY ('{EffectCompleted,EffectFailed}'::pg_catalog.text[]) AND (v.data OPERATOR(pg_catalog.->>) "
    "'effect') " EQ " e.key) OR EXISTS (SELECT FROM foreman.workflow_input n WHERE n.workflow_type " EQ
    " i.workflow_type AND n.workflow_id " EQ " i.workflow_id AND n.state " EQ " 'p' AND n.effect " EQ
    " e.effect))",
    {INT8OID}};
constinit pg::Statement g_effect_taken_over{"workflow_effect_taken_over",
                                            "SELECT FROM foreman.workflow_effect WHERE effect " EQ
                                            " $1 AND job_id " EQ " $2 AND state " EQ
                                            " ANY ('{f,x}'::pg_catalog.\"char\"[])",
                                            {INT8OID, INT8OID}};
constinit pg::Statement g_undo_again{"undo_workflow_effect_again",
                                     "UPDATE foreman.workflow_effect SET state = 'u' WHERE effect " EQ
                                     " $1 AND undo_job_id " EQ " $2 AND state " EQ " 'd'",
                                     {INT8OID, INT8OID}};
constinit pg::Statement g_end_undo{"end_workflow_undo",
                                   "UPDATE foreman.workflow_effect SET state = $3 WHERE effect " EQ
                                   " $1 AND undo_job_id " EQ " $2",
                                   {INT8OID, INT8OID, CHAROID}};
constinit pg::Statement g_timer_failed{
    "workflow_timer_failed",
    "SELECT workflow_type, workflow_id, root, state, pg_catalog.jsonb_build_object('type', 'timer_failed', "
    "'timer', "
    "$2, 'input', $3, 'error', " ERROR_OF("$4", "$5",
                                          "$6") ") FROM foreman.workflow_instance WHERE instance " EQ " $1",
    {INT8OID, TEXTOID, JSONBOID, JSONBOID, TEXTOID, TEXTOID}};
// While it is the last task of an instance that runs: another one goes on.
constinit pg::Statement g_task_lost{
    "workflow_task_lost",
    "SELECT workflow_type, workflow_id, root, pg_catalog.jsonb_build_object('reason', $3, 'task', $2, "
    "'error', " ERROR_OF("$4", "$3", "$5") ") FROM foreman.workflow_instance WHERE instance " EQ
                                           " $1 AND task " EQ " $2 AND state " EQ " 'r'",
    {INT8OID, INT8OID, TEXTOID, JSONBOID, TEXTOID}};
constinit pg::Statement g_with_type{"workflow_input_with_type",
                                    "SELECT pg_catalog.jsonb_build_object('type', $1) " CAT " $2",
                                    {TEXTOID, JSONBOID}};
constinit pg::Statement g_failure{"workflow_failure",
                                  "SELECT pg_catalog.jsonb_build_object('input', $1, 'reason', $2)",
                                  {JSONBOID, TEXTOID}};

const char* word(core::Next next) noexcept { return next == core::Next::discard ? "discarded" : "cancelled"; }

void set_end(auto* a, int errors, int reason, int state, const Ended& e) {
    if (e.errors) a->set(errors, *e.errors);
    if (!e.reason.empty()) a->text(reason, e.reason);
    a->text(state, word(e.next));
}

Datum with_type(std::string_view type, Datum rest) {
    pg::Args<2> a;
    a.text(1, type).set(2, rest);
    return pg::copy_varlena(g_with_type.execute(a)[0].datum(1));
}

void effect_ended(const Ended& e) {
    const AsOwner scope;
    const bool completed = e.next == core::Next::complete;
    pg::Args<8> a;
    a.i64(1, e.job->origin_id).i64(2, e.job->job_id);
    a.letter(3, completed                       ? core::EffectState::completed
                : e.next == core::Next::discard ? core::EffectState::failed
                                                : core::EffectState::cancelled);
    if (completed && e.result) a.set(4, *e.result);
    set_end(&a, 5, 6, 7, e);
    a.instant(8, e.finished_at);
    const pg::Rows rows = g_end_effect.execute(a);
    if (rows.empty()) return;
    const pg::Row r = rows[0];
    const WorkflowType& type = find_workflow_type(r.view(1));
    if (!type.exists) return;
    const auto state = r.letter_of<core::InstanceState>(4);
    NewInput input;
    input.id = r.copy(2, CurrentMemoryContext);
    input.root = r.i64(3);
    input.effect = e.job->origin_id;
    input.payload = r.datum(6);
    if (state == core::InstanceState::cancelled || state == core::InstanceState::failed) {
        if (!completed || !r.boolean(7)) return;
        input.source = core::InputSource::undo;  // its end came after the end of the instance
    } else {
        const bool named = !r.is_null(5);
        if (!named && (completed || !type.notices_dead_letters)) return;
        input.source = core::InputSource::effect;
        input.ends = !completed && !named;
        input.payload = with_type(named ? r.copy(5, CurrentMemoryContext) : "effect_failed", input.payload);
    }
    send_input(type, input);
}

void timer_ended(const Ended& e) {
    if (e.next != core::Next::discard) return;
    const AsOwner scope;
    const std::string_view unique = e.job->unique_key;
    pg::Args<6> a;
    a.i64(1, e.job->origin_id).text(2, unique.substr(unique.find(':') + 1)).set(3, e.job->args);
    set_end(&a, 4, 5, 6, e);
    const pg::Rows rows = g_timer_failed.execute(a);
    if (rows.empty()) return;
    const pg::Row r = rows[0];
    const WorkflowType& type = find_workflow_type(r.view(1));
    if (!type.exists || !type.notices_dead_letters ||
        r.letter_of<core::InstanceState>(4) != core::InstanceState::running)
        return;
    NewInput input;
    input.id = r.copy(2, CurrentMemoryContext);
    input.root = r.i64(3);
    input.source = core::InputSource::timer;
    input.payload = r.datum(5);
    input.ends = true;
    send_input(type, input);
}

// Its parent would wait for ever. It hears of each child once, so not of this one again should its job come back.
void child_not_begun(const Input& input, const Ended& e) {
    if (input.source != core::InputSource::child_start) return;
    end_told(input.input);
    tell_parent(input.parent, input.on_end, e.job->kind.substr(kWorkflowKind.size()), input.id,
                e.next == core::Next::discard ? "failed" : "cancelled", e.reason, std::nullopt);
}

// An input that cannot be handled is set aside with its job; where it was the notice of a dead letter, the instance
// fails instead of waiting for ever.
void input_ended(const Ended& e) {
    if (e.next == core::Next::complete) return;
    const AsOwner scope;
    Input input;
    if (!read_input(e.job->origin_id, CurrentMemoryContext, &input)) return;
    // One that the job of a later input handled stays as it is.
    if (input.state != core::InputState::pending && input.state != core::InputState::dead) return;
    if (input.state == core::InputState::pending) child_not_begun(input, e);
    if (e.next != core::Next::discard) {
        drop_input(input.input);
        return;
    }
    bury_input(input.input);
    const WorkflowType& type = find_workflow_type(e.job->kind.substr(kWorkflowKind.size()));
    if (!input.ends || !type.exists) return;
    NewInput failure;
    failure.id = input.id;
    failure.root = input.root;
    failure.source = core::InputSource::fail;
    failure.effect = input.effect;
    pg::Args<2> a;
    a.set(1, input.payload).text(2, e.reason.empty() ? "an input could not be handled" : e.reason);
    failure.payload = pg::copy_varlena(g_failure.execute(a)[0].datum(1));
    send_input(type, failure);
}

void undo_ended(const Ended& e) {
    const AsOwner scope;
    pg::Args<3> a;
    a.i64(1, e.job->origin_id).i64(2, e.job->job_id);
    a.letter(3, e.next == core::Next::complete ? core::EffectState::undone : core::EffectState::undo_dead);
    g_end_undo.execute(a);
}

// Workers failed it too often, or somebody took it away: nobody would look at the instance any more.
void task_ended(const Ended& e) {
    const AsOwner scope;
    pg::Args<5> a;
    a.i64(1, e.job->origin_id).i64(2, e.job->job_id);
    a.text(3, e.next == core::Next::complete ? std::string_view("its task ended without submit_commands()")
              : !e.reason.empty()            ? e.reason
                                             : std::string_view("its task was taken away"));
    if (e.errors) a.set(4, *e.errors);
    a.text(5, word(e.next));
    const pg::Rows rows = g_task_lost.execute(a);
    if (rows.empty()) return;
    const WorkflowType& type = find_workflow_type(rows[0].view(1));
    if (!type.exists) return;
    NewInput lost;
    lost.id = rows[0].copy(2, CurrentMemoryContext);
    lost.root = rows[0].i64(3);
    lost.source = core::InputSource::task_lost;
    lost.payload = rows[0].datum(4);
    send_input(type, lost);
}

void jobs_ended(std::span<const Ended> ended) {
    for (const Ended& e : ended) {
        switch (e.job->origin) {
            case core::Origin::workflow_effect:
                effect_ended(e);
                break;
            case core::Origin::workflow_input:
                input_ended(e);
                break;
            case core::Origin::workflow_timer:
                timer_ended(e);
                break;
            case core::Origin::workflow_task:
                task_ended(e);
                break;
            case core::Origin::workflow_undo:
                undo_ended(e);
                break;
            default:
                break;
        }
    }
}

// A job comes back from the dead letters or the history. An effect whose key has been given to another one stays as
// it is.
bool job_comes_back(int64 job_id, core::Origin origin, int64 origin_id) {
    const AsOwner scope;
    pg::Args<2> a;
    a.i64(1, origin_id).i64(2, job_id);
    pg::Args<1> one;
    switch (origin) {
        case core::Origin::workflow_effect:
            if (g_reopen_effect.execute(a).processed() == 0) return g_effect_taken_over.execute(a).empty();
            one.i64(1, origin_id);
            g_end_was_told.execute(one);
            return true;
        case core::Origin::workflow_undo:
            g_undo_again.execute(a);
            return true;
        case core::Origin::workflow_input:
            revive_input(origin_id);
            return true;
        default:
            return true;
    }
}

bool never_once(const Job&) { return false; }

constexpr EndObserver kObserver{never_once, jobs_ended, job_comes_back};

}  // namespace

void tell_parent(int64 parent, std::string_view on_end, std::string_view type, std::string_view id,
                 const char* state, std::string_view reason, std::optional<Datum> result) {
    Family family{};
    if (parent == 0 || on_end.empty() || !read_family(parent, CurrentMemoryContext, &family)) return;
    const WorkflowType& parent_type = find_workflow_type(family.type);
    if (!parent_type.exists) return;
    NewInput end;
    end.id = family.id;
    end.root = family.root;
    end.source = core::InputSource::child_end;
    end.payload = child_end_payload(on_end, type, id, state, reason, result);
    send_input(parent_type, end);
}

void observe_workflow_jobs() noexcept { observe_ends(kObserver); }

}  // namespace foreman::store
