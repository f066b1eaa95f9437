// See rerun.hpp.
#include "engine/workflow/rerun.hpp"

#include "engine/workflow/fold.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/error.hpp"
#include "pg/xact.hpp"
#include "store/db/clock.hpp"
#include "store/jobs/revive.hpp"
#include "store/workflows/rerun.hpp"
#include "store/workflows/tasks.hpp"

namespace foreman::engine {

namespace {

int length(std::string_view text) noexcept { return static_cast<int>(text.size()); }

[[noreturn]] void refuse_absent(const store::WorkflowType& type, std::string_view id) {
    throw pg::Failure(ERRCODE_UNDEFINED_OBJECT, "workflow \"%s\", id \"%.*s\" does not exist", type.name,
                      length(id), id.data());
}

[[noreturn]] void refuse_retry(const store::WorkflowType& type, std::string_view id, const char* why,
                               const char* hint) {
    throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                      "workflow \"%s\", id \"%.*s\" cannot be retried: %s", type.name, length(id), id.data(),
                      why)
        .hint("%s", hint);
}

bool ends(TypeFunctions& functions, Datum state) {
    if (!functions.has_terminal) return false;
    const std::optional<Datum> ended = functions.is_terminal.call({&state, 1});
    return ended && DatumGetBool(*ended);
}

}  // namespace

const char* user_name() {
    return pg::guarded([]() -> const char* { return GetUserNameFromId(GetUserId(), false); });
}

int64 append_own_event(std::string_view type, int64 instance, int64 sequence, const char* what,
                       std::string_view by, std::optional<std::string_view> reason,
                       std::optional<Datum> more) {
    const core::Instant now = store::now();
    store::append_events(type, instance, sequence + 1, store::own_event(what, by, reason, more), now);
    store::advance_instance({instance, sequence + 1, now, {}, {}, 0});
    return sequence + 1;
}

int64 retry_workflow(const store::WorkflowType& type, std::string_view id,
                     std::optional<std::string_view> reason) {
    store::Instance instance;
    if (store::lock_instance(type.type(), id, store::Wait::for_others, CurrentMemoryContext, &instance) ==
        store::Locked::absent)
        refuse_absent(type, id);
    if (instance.state != core::InstanceState::failed) {
        char why[64];
        std::snprintf(why, sizeof(why), "it is %s", core::state_word(instance.state));
        refuse_retry(type, id, why,
                     "Only a failed workflow can be retried; foreman.fork_workflow() begins a new one.");
    }
    if (store::has_undone(instance.instance))
        refuse_retry(type, id, "what it had done is undone",
                     "foreman.fork_workflow() begins a new one with the events before it.");
    const core::Instant ended_at = store::ended_at(instance.instance);
    const bool tried = store::failed_effect_tried(instance.instance);
    pg::ContextResource memory(CurrentMemoryContext);
    store::Unfinished unfinished(&memory);
    store::read_unfinished(instance.instance, type.kind, &unfinished);
    // Asked again where somebody retries the dead letter at the same time.
    if (!tried && (unfinished.dead == 0 || !store::revive(unfinished.dead, store::Place::dead)) &&
        !store::failed_effect_tried(instance.instance))
        refuse_retry(type, id, "the dead letter that made it fail is gone",
                     "foreman.fork_workflow() begins a new one with the same events.");
    store::reopen_instance(type, instance.instance);
    for (const int64 job : unfinished.ended) store::revive(job, store::Place::history);
    store::restore_timers(instance.instance, type.kind, ended_at);
    if (store::is_decided_outside(type)) store::make_task_due(type, id, instance.instance);
    return append_own_event(type.type(), instance.instance, instance.sequence, "Retried", user_name(), reason,
                            std::nullopt);
}

int64 fork_workflow(const store::WorkflowType& type, const Fork& fork) {
    const pg::Context context("foreman fork", CurrentMemoryContext);
    const pg::CurrentScope memory_scope(context);
    store::Instance from;
    if (!store::find_instance(type.type(), fork.id, context.get(), &from)) refuse_absent(type, fork.id);
    if (fork.at_sequence < 1 || fork.at_sequence > from.sequence)
        throw pg::Failure(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, "at_sequence " INT64_FORMAT " is out of range",
                          fork.at_sequence)
            .hint("Allowed: 1 to " INT64_FORMAT ", the number of its last event.", from.sequence);
    store::NewInstance fresh{.type = type, .id = fork.new_id};
    fresh.unique_key = store::unique_key_of(from.instance, context.get());
    store::Instance to;
    if (!store::begin_instance(fresh, store::Wait::for_others, store::now(), &to))
        throw pg::Failure(ERRCODE_UNIQUE_VIOLATION, "workflow \"%s\", id \"%.*s\" exists already", type.name,
                          length(fork.new_id), fork.new_id.data());
    store::copy_history(from.instance, to.instance, fork.at_sequence);
    to.sequence = fork.at_sequence;
    TypeFunctions& functions = functions_of(type);
    {
        const pg::ActiveSnapshot snapshot;
        const AsType scope(type, functions);
        const Datum state =
            fold_instance(type, functions, {type.type(), fork.new_id}, to, fork.at_sequence, context.get());
        if (ends(functions, state))
            throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                              "workflow \"%s\", id \"%.*s\" has ended at event " INT64_FORMAT, type.name,
                              length(fork.id), fork.id.data(), fork.at_sequence)
                .hint("Fork it at an event before that.");
    }
    if (store::is_decided_outside(type)) store::make_task_due(type, fork.new_id, to.instance);
    return append_own_event(type.type(), to.instance, to.sequence, "Forked", user_name(), fork.reason,
                            store::fork_origin(fork.id, fork.at_sequence));
}

}  // namespace foreman::engine
