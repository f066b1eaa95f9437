// See trial.hpp.
#include "engine/workflow/trial.hpp"

#include "engine/workflow/decision.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/error.hpp"
#include "pg/xact.hpp"
#include "store/db/clock.hpp"

namespace foreman::engine {

namespace {

Subject subject_of(const store::WorkflowType& type) noexcept { return {type.type(), "of a trial"}; }

struct Trial {
    MemoryContext context;  // of everything below; nullptr: there is no trial
    const char* type;
    int64 sequence;
    Datum state;
    bool asked;
    Answered answered;
};
constinit Trial g_trial{};

// The new one takes the place of the old one when it is complete.
void keep(const store::WorkflowType& type, int64 sequence, Datum state, const Answered* answered) {
    Trial t{};
    t.context = pg::guarded([] {
        return AllocSetContextCreate(TopMemoryContext, "foreman workflow trial", ALLOCSET_SMALL_SIZES);
    });
    t.type = pg::copy_text(type.type(), t.context);
    t.sequence = sequence;
    t.state = pg::copy_varlena(state, t.context);
    if (answered != nullptr) {
        t.asked = true;
        t.answered = {t.type, answered->rejected, pg::copy_varlena(answered->answer, t.context)};
    }
    if (g_trial.context != nullptr) MemoryContextDelete(g_trial.context);
    g_trial = t;
}

Datum fold_events(const store::WorkflowType& type, TypeFunctions& functions, Datum state, int64 after,
                  const pg::vector<EventAsked>& events, MemoryContext context) {
    Fold fold(type, functions, subject_of(type), state);
    for (const EventAsked& e : events) fold.apply(++after, e.type, e.version, e.event);
    return pg::copy_varlena(fold.state(), context);
}

}  // namespace

void begin_trial(const store::WorkflowType& type, Datum events) {
    const pg::Context context("foreman workflow trial", CurrentMemoryContext);
    const pg::CurrentScope memory_scope(context);
    pg::ContextResource memory(context);
    TypeFunctions& functions = functions_of(type);
    pg::vector<EventAsked> given(&memory);
    read_event_array(subject_of(type), events, &given);
    Datum state{};
    {
        pg::Subtransaction undone;
        const pg::ActiveSnapshot snapshot;
        const AsType scope(type, functions);
        state = fold_events(type, functions, type.initial_state, 0, given, context.get());
    }
    keep(type, static_cast<int64>(given.size()), state, nullptr);
}

const store::WorkflowType& type_of_trial() {
    if (g_trial.context == nullptr)
        throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                          "there is no workflow to give an input to")
            .hint("Call foreman.given_events() first, with [] for a new workflow.");
    return store::require_workflow_type(g_trial.type);
}

void try_input(const store::WorkflowType& type, Datum input) {
    const pg::Context context("foreman workflow trial", CurrentMemoryContext);
    const pg::CurrentScope memory_scope(context);
    pg::ContextResource memory(context);
    TypeFunctions& functions = functions_of(type);
    if (*type.decide == '\0')
        throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                          "workflow type \"%s\" is decided outside: it has no decide to try", type.name);
    const core::Instant now = store::now();
    Decision decision(&memory);
    Datum state = g_trial.state;
    std::optional<Datum> answer;
    {
        pg::Subtransaction undone;
        const pg::ActiveSnapshot snapshot;
        const AsType scope(type, functions);
        const Datum arguments[] = {pg::to_datum(now), state, input};
        answer = functions.decide.call_for_jsonb(arguments, context.get());
        if (!answer)
            throw pg::Failure(ERRCODE_NULL_VALUE_NOT_ALLOWED, "decide of workflow type \"%s\" answered NULL",
                              type.name)
                .hint("It answers {\"events\": [...]} or {\"reject\": ...}.");
        read_decision(subject_of(type), *answer, now, &decision);
        if (!decision.rejection)
            state = fold_events(type, functions, state, g_trial.sequence, decision.events, context.get());
    }
    const Answered answered{type.name, decision.rejection.has_value(),
                            decision.rejection ? *decision.rejection : *answer};
    keep(type, g_trial.sequence + static_cast<int64>(decision.events.size()), state, &answered);
}

const Answered& answer_of_trial() {
    if (!g_trial.asked)
        throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "no input was given to the workflow")
            .hint("Call foreman.given_events(), and foreman.when_input() after it.");
    return g_trial.answered;
}

}  // namespace foreman::engine
