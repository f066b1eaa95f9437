// create_workflow_type(), alter_workflow_type(), drop_workflow_type(), create_upcaster(), drop_upcaster(): what a type
// of workflows is made of.
//
// needs: bundle operator on the type's queue; the right to SET ROLE to run_as.
// errors: 42501; 42883, 42P13 for the functions; 42710 for a type that is there; 42704 for one that is not; 55006 for a
// type that has running instances; 25006; arguments as in request/arguments.hpp. cost: some rows; every process rereads
// the type before it handles the next input.
#include "store/workflows/types.hpp"

#include "api/absent.hpp"
#include "api/handle/run_as.hpp"
#include "api/handle/type_functions.hpp"
#include "api/public_function.hpp"
#include "request/arguments.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"
#include "store/definitions/definitions.hpp"

namespace foreman::api {

namespace {

enum TypeParameter : int {
    kType,
    kDecideName,
    kEvolveName,
    kTerminalName,
    kInitialState,
    kUniqueKeyName,
    kSnapshotEvery,
    kOnDeadLetter,
    kRecordInputs,
    kRetainCompleted,
    kQueueName,
    kRunAsRole,
    kReset  // of alter_workflow_type
};

std::string_view required_type(OptionalDatum value) {
    const std::string_view type = required_name(value, "workflow_type");
    if (type.size() > store::kMaxTypeBytes)
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "workflow_type \"%.60s...\" is too long",
                          type.data())
            .hint("Allowed: up to %d bytes.", store::kMaxTypeBytes);
    return type;
}

std::string_view one_of(std::string_view word, const char* argument,
                        std::initializer_list<std::string_view> allowed, const char* words) {
    for (const std::string_view a : allowed) {
        if (a == word) return word;
    }
    refuse(core::make_error(core::ErrorCode::invalid, argument, word, words));
}

// Those that are given replace what `t` has.
void set_functions(FunctionCallInfo fcinfo, store::NewWorkflowType* t) {
    const auto set = [&](int parameter, const FunctionShape& shape, std::string_view* name) {
        if (const OptionalText given = optional_text(pg::optional_argument(fcinfo, parameter)))
            *name = find_type_function(shape, *given, t->run_as);
    };
    set(kDecideName, kDecide, &t->decide);
    set(kEvolveName, kEvolve, &t->evolve);
    set(kTerminalName, kIsTerminal, &t->is_terminal);
    set(kUniqueKeyName, kUniqueKeyOf, &t->unique_key);
}

void set_settings(FunctionCallInfo fcinfo, store::NewWorkflowType* t) {
    if (const OptionalDatum state = pg::optional_argument(fcinfo, kInitialState)) t->initial_state = *state;
    if (const OptionalDatum every = pg::optional_argument(fcinfo, kSnapshotEvery))
        t->snapshot_every = static_cast<int32>(required_count(every, "snapshot_every", 1, 1'000'000));
    if (const OptionalText word = optional_text(pg::optional_argument(fcinfo, kOnDeadLetter)))
        t->on_dead_letter = one_of(*word, "on_dead_letter", {"input", "ignore"}, "input or ignore");
    if (const OptionalText word = optional_text(pg::optional_argument(fcinfo, kRecordInputs)))
        t->record_inputs =
            one_of(*word, "record_inputs", {"rejected", "all", "none"}, "rejected, all or none");
    if (const OptionalDatum keep = pg::optional_argument(fcinfo, kRetainCompleted)) {
        optional_duration(keep, "retain_completed", kRetentions);
        t->retain_completed = keep;
    }
    if (const OptionalText queue = optional_name(pg::optional_argument(fcinfo, kQueueName), "queue"))
        t->queue = *queue;
}

void put(const store::NewWorkflowType& t) {
    store::require(store::Bundle::operate, t.queue);
    store::grant_handler_functions(t.run_as);
    store::put_workflow_type(t);
}

// What is in the hands of workers outside stays there: their tasks are jobs of the queue, and their histories tell no
// function what to do.
void require_same_deciders(const store::WorkflowType& old, const store::NewWorkflowType& t) {
    const bool was_outside = *old.decide == '\0';
    const bool same = was_outside == t.decide.empty() && (!was_outside || t.queue == old.queue);
    if (same || !store::has_running_instances(t.type)) return;
    throw pg::Failure(ERRCODE_OBJECT_IN_USE, "workflow type \"%.*s\" has running instances",
                      static_cast<int>(t.type.size()), t.type.data())
        .hint("Whether a type is decided outside, and the queue of one that is, can change when none runs.");
}

const store::WorkflowType& require_own(std::string_view type) {
    const store::WorkflowType& t = store::require_workflow_type(type);
    store::require(store::Bundle::operate, t.queue);
    return t;
}

}  // namespace

FOREMAN_PUBLIC(create_workflow_type) {
    store::require_writable("foreman.create_workflow_type()");
    store::NewWorkflowType t;
    t.type = required_type(pg::optional_argument(fcinfo, kType));
    if (store::find_workflow_type(t.type).exists)
        throw pg::Failure(ERRCODE_DUPLICATE_OBJECT, "workflow type \"%.*s\" exists",
                          static_cast<int>(t.type.size()), t.type.data())
            .hint("Use foreman.alter_workflow_type() to change it.");
    t.initial_state = required(pg::optional_argument(fcinfo, kInitialState), "initial_state");
    t.snapshot_every = static_cast<int32>(
        required_count(pg::optional_argument(fcinfo, kSnapshotEvery), "snapshot_every", 1, 1'000'000));
    t.on_dead_letter = "input";
    t.record_inputs = "rejected";
    t.queue = store::kDefaultQueue;
    set_settings(fcinfo, &t);
    store::require(store::Bundle::operate, t.queue);
    t.run_as = check_run_as(pg::optional_argument(fcinfo, kRunAsRole));
    set_functions(fcinfo, &t);
    put(t);
    return BoolGetDatum(true);
}

FOREMAN_PUBLIC(alter_workflow_type) {
    store::require_writable("foreman.alter_workflow_type()");
    const store::WorkflowType& old = require_own(required_type(pg::optional_argument(fcinfo, kType)));
    store::NewWorkflowType t;
    t.type = old.type();
    t.decide = old.decide;
    t.evolve = old.evolve;
    t.is_terminal = old.is_terminal;
    t.unique_key = old.unique_key;
    t.initial_state = old.initial_state;
    t.snapshot_every = old.snapshot_every;
    t.on_dead_letter = old.notices_dead_letters ? "input" : "ignore";
    t.record_inputs = old.record == store::RecordInputs::all    ? "all"
                      : old.record == store::RecordInputs::none ? "none"
                                                                : "rejected";
    t.retain_completed = old.retain_completed;
    t.queue = old.queue;
    t.run_as = old.run_as;
    if (const OptionalDatum role = pg::optional_argument(fcinfo, kRunAsRole)) t.run_as = check_run_as(role);
    set_settings(fcinfo, &t);
    set_functions(fcinfo, &t);
    if (const OptionalDatum reset = pg::optional_argument(fcinfo, kReset)) {
        const pg::Elements names = required_elements(reset, "reset", pg::kText);
        for (int i = 0; i < names.count; i++) {
            const std::string_view name =
                required_name(names.nulls[i] ? OptionalDatum{} : OptionalDatum{names.values[i]}, "reset");
            if (name == "decide")
                t.decide = {};
            else if (name == "evolve")
                t.evolve = {};
            else if (name == "is_terminal")
                t.is_terminal = {};
            else if (name == "unique_key")
                t.unique_key = {};
            else if (name == "retain_completed")
                t.retain_completed.reset();
            else
                one_of(name, "reset", {}, "decide, evolve, is_terminal, unique_key and retain_completed");
        }
    }
    require_same_deciders(old, t);
    put(t);
    return BoolGetDatum(true);
}

FOREMAN_PUBLIC(drop_workflow_type) {
    store::require_writable("foreman.drop_workflow_type()");
    const std::string_view type = required_type(pg::optional_argument(fcinfo, 0));
    const bool silent = wants_silence(fcinfo, 1, "if_exists");
    if (!store::find_workflow_type(type).exists)
        return absent("workflow type", type, silent, "The view foreman.workflow_types lists the types.");
    require_own(type);
    if (store::has_running_instances(type))
        throw pg::Failure(ERRCODE_OBJECT_IN_USE, "workflow type \"%.*s\" has running instances",
                          static_cast<int>(type.size()), type.data())
            .hint("End them first; foreman.list_workflows() lists them.");
    return BoolGetDatum(store::remove_workflow_type(type));
}

FOREMAN_PUBLIC(create_upcaster) {
    store::require_writable("foreman.create_upcaster()");
    const store::WorkflowType& type = require_own(required_type(pg::optional_argument(fcinfo, 0)));
    const std::string_view event = required_name(pg::optional_argument(fcinfo, 1), "event_type");
    const auto from = static_cast<int32>(
        required_count(pg::optional_argument(fcinfo, 2), "from_version", 1, PG_INT32_MAX - 1));
    const std::string_view name = required_text(pg::optional_argument(fcinfo, 3), "upcaster");
    const char* function = pg::copy_text(find_type_function(kUpcaster, name, type.run_as));
    // A hole would leave an old event in a shape that nobody knows any more.
    int32 first = from, last = from;
    int others = 0;
    for (const store::Upcaster& u : type.upcasters) {
        if (u.event_type != event || u.from_version == from) continue;
        others++;
        first = std::min(first, u.from_version);
        last = std::max(last, u.from_version);
    }
    if (last - first != others)
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE,
                          "from_version %d leaves a hole in the upcasters of event type \"%.*s\"", from,
                          static_cast<int>(event.size()), event.data())
            .hint("Upcasters of an event type follow one another, one for each version.");
    return BoolGetDatum(store::put_upcaster(type.type(), {pg::copy_text(event), from, function}));
}

FOREMAN_PUBLIC(drop_upcaster) {
    store::require_writable("foreman.drop_upcaster()");
    const store::WorkflowType& type = require_own(required_type(pg::optional_argument(fcinfo, 0)));
    const std::string_view event = required_name(pg::optional_argument(fcinfo, 1), "event_type");
    const auto from = static_cast<int32>(
        required_count(pg::optional_argument(fcinfo, 2), "from_version", 1, PG_INT32_MAX - 1));
    const bool silent = wants_silence(fcinfo, 3, "if_exists");
    if (store::remove_upcaster(type.type(), event, from)) return BoolGetDatum(true);
    return absent("upcaster of event type", event, silent,
                  "The table of upcasters is in foreman.workflow_types.");
}

}  // namespace foreman::api
