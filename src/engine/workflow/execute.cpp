// See execute.hpp.
#include "engine/workflow/execute.hpp"

#include "engine/workflow/decision.hpp"
#include "engine/workflow/ending.hpp"
#include "engine/workflow/kept_states.hpp"
#include "engine/workflow/outside.hpp"
#include "engine/workflow/published.hpp"
#include "engine/workflow/writing.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/error_context.hpp"
#include "pg/xact.hpp"
#include "request/arguments.hpp"
#include "request/json_values.hpp"
#include "store/commit/remember.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/definitions.hpp"
#include "store/workflows/commands.hpp"
#include "store/workflows/tasks.hpp"

namespace foreman::engine {

namespace {

// A state up to this size is stored with every decision: its row is written anyway.
constexpr std::size_t kSmallState = 1024;
constexpr int kMaxTries = 100;

// A function that is asked: a line of context for whatever it raises.
struct Asking {
    const char* function;
    Subject subject;
};

void describe(void* argument) {
    const auto* a = static_cast<const Asking*>(argument);
    errcontext("%s of workflow \"%.*s\", id \"%.*s\"", a->function, static_cast<int>(a->subject.type.size()),
               a->subject.type.data(), static_cast<int>(a->subject.id.size()), a->subject.id.data());
}

void require_decide(const store::WorkflowType& type) {
    if (!store::is_decided_outside(type)) return;
    throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "workflow type \"%s\" is decided outside",
                      type.name)
        .hint("Use foreman.signal_workflow(); a worker that calls foreman.claim_workflow_task() decides.");
}

Handled only(core::InputState outcome) { return {outcome, {}, 0, 0, false}; }

// What a decision needs and makes, from the lock to the last row.
class Handling {
  public:
    Handling(const store::WorkflowType& type, const store::Input& input, const HandleOptions& options)
        : type_(type),
          input_(input),
          options_(options),
          subject_{type.type(), input.id},
          context_("foreman workflow", CurrentMemoryContext),
          memory_(context_),
          decision_(&memory_) {}

    std::optional<Handled> run();

  private:
    std::optional<Handled> answered_before(MemoryContext context);
    TypeFunctions& functions() const;
    store::Locked lock();
    bool parent_allows(int64 parent, store::Locked* locked) const;
    std::optional<std::string_view> unique_key();
    std::optional<Handled> without_decide();
    void check_expected() const;
    void decide();
    Handled reject();
    Handled accept();
    bool apply_new_events(TypeFunctions& f);
    bool fold_new_events();
    bool has_folded() const;
    bool must_snapshot() const;

    const store::WorkflowType& type_;
    const store::Input& input_;
    const HandleOptions& options_;
    const Subject subject_;
    pg::Context context_;
    pg::ContextResource memory_;
    store::Instance instance_;
    core::Instant now_{};
    Decision decision_;
    Datum state_ = 0;
    int64 last_ = 0;         // number of the last event that it decided
    int64 folded_by_ = 0;    // the evolve that state_ is of,
    uint64 generation_ = 0;  // as long as no function changes
    std::optional<bool> ended_by_new_events_;
};

std::optional<Handled> Handling::run() {
    const MemoryContext caller = CurrentMemoryContext;
    const pg::CurrentScope scope(context_);
    if (input_.source == core::InputSource::execute) require_decide(type_);
    // Asked once more under the lock: who handled the first one held it.
    if (input_.input == 0) {
        if (std::optional<Handled> before = answered_before(caller)) return before;
    }
    const store::Locked locked = lock();
    if (locked == store::Locked::busy) return std::nullopt;
    if (locked == store::Locked::yes) {
        if (std::optional<Handled> before = answered_before(caller)) {
            if (instance_.is_new) store::forget_instance(instance_.instance);
            return before;
        }
    }
    if (locked == store::Locked::absent) return only(core::InputState::already_completed);
    if (input_.root != 0 && input_.root != instance_.root) return only(core::InputState::already_completed);
    if (std::optional<Handled> handled = without_decide()) return handled;
    if (instance_.unseen >= core::kMostUnseen && core::keeps_its_place(input_.source))
        return only(core::InputState::pending);
    check_expected();
    now_ = store::now();
    if (store::is_decided_outside(type_)) {
        note_input(input_, instance_, &decision_);
        last_ = instance_.sequence + 1;
    } else {
        decide();
    }
    Handled handled = decision_.rejection ? reject() : accept();
    if (handled.rejection) handled.rejection = pg::copy_varlena(*handled.rejection, caller);
    return handled;
}

// The job of another input may have handled this one since it was read.
std::optional<Handled> Handling::answered_before(MemoryContext context) {
    if (input_.input != 0) {
        if (store::input_waits(input_.input)) return std::nullopt;
        return Handled{core::InputState::accepted, {}, 0, 0, true};
    }
    if (input_.input_id.empty() || input_.source != core::InputSource::execute) return std::nullopt;
    const std::optional<store::InputAnswer> a =
        store::find_answer(type_.type(), input_.id, input_.input_id, context);
    if (!a) return std::nullopt;
    return Handled{a->state, a->rejection, a->first_sequence, a->last_sequence, true};
}

// Locked::absent: there is none, and the input does not begin one.
store::Locked Handling::lock() {
    for (int tries = 0; tries < kMaxTries; tries++) {
        const store::Locked locked =
            store::lock_instance(type_.type(), input_.id, options_.wait, context_.get(), &instance_,
                                 input_.begins ? store::Absent::perhaps : store::Absent::surely);
        if (locked != store::Locked::absent || !input_.begins) return locked;
        const int64 parent = store::current_instance(input_.parent);
        store::Locked parents = store::Locked::yes;
        if (!parent_allows(parent, &parents)) return parents;
        store::NewInstance fresh{.type = type_, .id = input_.id};
        fresh.unique_key = unique_key().value_or("");
        fresh.parent = parent;
        fresh.on_end = store::end_of_child(input_.on_end, parent != input_.parent);
        fresh.on_parent_end = input_.on_parent_end;
        if (options_.wait == store::Wait::for_others) {
            if (store::begin_instance(fresh, options_.wait, store::now(), &instance_))
                return store::Locked::yes;
            continue;
        }
        try {
            pg::Subtransaction sub;
            const bool begun = store::begin_instance(fresh, options_.wait, store::now(), &instance_);
            sub.commit();
            if (begun) return store::Locked::yes;
        } catch (const pg::PgError& e) {
            if (e.sqlstate() != ERRCODE_LOCK_NOT_AVAILABLE) throw;
            return store::Locked::busy;
        }
    }
    throw pg::Failure(ERRCODE_T_R_SERIALIZATION_FAILURE,
                      "workflow \"%.*s\", id \"%.*s\" changes hands too often",
                      static_cast<int>(subject_.type.size()), subject_.type.data(),
                      static_cast<int>(subject_.id.size()), subject_.id.data())
        .hint("Try again.");
}

// A child that goes with its parent is not begun after its end.
bool Handling::parent_allows(int64 parent, store::Locked* locked) const {
    if (parent == 0 || input_.on_parent_end == core::OnParentEnd::abandon) return true;
    const store::Held held = store::hold_instance(parent);
    *locked = held == store::Held::busy ? store::Locked::busy : store::Locked::absent;
    return held == store::Held::runs;
}

std::optional<std::string_view> Handling::unique_key() {
    TypeFunctions& f = functions();
    if (!f.has_unique_key) return std::nullopt;
    std::optional<Datum> key;
    {
        const pg::ActiveSnapshot snapshot;
        const AsType scope(type_, f);
        const Asking asking{"unique_key", subject_};
        const pg::ErrorContext line(describe, &asking);
        key = f.unique_key.call({&input_.payload, 1});
    }
    if (!key) return std::nullopt;
    const std::string_view text = pg::text_view(*key);
    return request::accept(core::check_name("unique_key", text));
}

// Inputs that nobody is asked about, and those that come after the end.
std::optional<Handled> Handling::without_decide() {
    const bool runs = instance_.state == core::InstanceState::running;
    switch (input_.source) {
        case core::InputSource::undo:
            if (!runs) undo_late_effect(type_, input_);
            return only(core::InputState::accepted);
        case core::InputSource::fail:
            if (runs) fail_workflow(type_, input_, instance_);
            return only(core::InputState::accepted);
        case core::InputSource::task_lost:
            if (runs)
                store::park_instance(
                    instance_.instance,
                    request::text_member(input_.payload, "reason").value_or("a task was lost"),
                    input_.payload, store::now());
            return only(core::InputState::accepted);
        case core::InputSource::terminate:
            if (runs)
                end_workflow(type_, input_.id, instance_,
                             {core::InstanceState::terminated, "its parent ended", false, std::nullopt});
            return only(core::InputState::accepted);
        case core::InputSource::child_start:
            if (instance_.is_new) break;
            tell_parent_of_refusal(type_, input_, "the id is taken");
            return only(core::InputState::rejected);
        default:
            break;
    }
    if (!runs) return only(core::InputState::already_completed);
    return std::nullopt;
}

void Handling::check_expected() const {
    if (!options_.expected_sequence || *options_.expected_sequence == instance_.sequence) return;
    throw pg::Failure(ERRCODE_T_R_SERIALIZATION_FAILURE,
                      "workflow \"%.*s\", id \"%.*s\" is at sequence " INT64_FORMAT ", not " INT64_FORMAT,
                      static_cast<int>(subject_.type.size()), subject_.type.data(),
                      static_cast<int>(subject_.id.size()), subject_.id.data(), instance_.sequence,
                      *options_.expected_sequence)
        .hint("Read its state again and decide anew.");
}

TypeFunctions& Handling::functions() const {
    try {
        return functions_of(type_);
    } catch (pg::Failure& f) {
        throw f.detail("It was needed for workflow \"%.*s\".", static_cast<int>(subject_.id.size()),
                       subject_.id.data());
    }
}

void Handling::decide() {
    TypeFunctions& f = functions();
    folded_by_ = f.evolve_identity;
    generation_ = store::function_generation();
    const pg::ActiveSnapshot snapshot;
    const AsType scope(type_, f);
    const std::optional<Datum> kept =
        find_kept_state(instance_, folded_by_, generation_ + type_.loaded, context_.get());
    state_ = kept ? *kept : fold_instance(type_, f, subject_, instance_, instance_.sequence, context_.get());
    const Datum arguments[] = {pg::to_datum(now_), state_, input_.payload};
    std::optional<Datum> answer;
    {
        const Asking asking{"decide", subject_};
        const pg::ErrorContext line(describe, &asking);
        answer = f.decide.call_for_jsonb(arguments, context_.get());
    }
    if (!answer)
        throw pg::Failure(ERRCODE_NULL_VALUE_NOT_ALLOWED, "decide of workflow type \"%s\" answered NULL",
                          type_.name)
            .detail("It was asked for workflow \"%.*s\".", static_cast<int>(subject_.id.size()),
                    subject_.id.data())
            .hint("It answers {\"events\": [...]} or {\"reject\": ...}.");
    read_decision(subject_, *answer, now_, &decision_);
    if (decision_.rejection) return;
    last_ = instance_.sequence + static_cast<int64>(decision_.events.size());
    if (store::function_generation() == generation_) ended_by_new_events_ = apply_new_events(f);
}

Handled Handling::reject() {
    if (instance_.is_new) {
        store::forget_instance(instance_.instance);
        if (input_.source == core::InputSource::child_start)
            tell_parent_of_refusal(type_, input_, pg::jsonb_to_text(*decision_.rejection));
    } else if (input_.source == core::InputSource::cancel) {
        cancel_workflow(type_, input_, instance_);
        return only(core::InputState::accepted);
    } else if (input_.ends) {
        fail_workflow(type_, input_, instance_);
    }
    return {core::InputState::rejected, decision_.rejection, 0, 0, false};
}

// needs: AsType, an active snapshot
// returns: whether the new state ends the instance
bool Handling::apply_new_events(TypeFunctions& f) {
    Fold fold(type_, f, subject_, state_);
    int64 sequence = instance_.sequence;
    for (const EventAsked& e : decision_.events) fold.apply(++sequence, e.type, e.version, e.event);
    state_ = pg::copy_varlena(fold.state(), context_.get());
    if (!f.has_terminal) return false;
    const Asking asking{"is_terminal", subject_};
    const pg::ErrorContext line(describe, &asking);
    const std::optional<Datum> ended = f.is_terminal.call({&state_, 1});
    return ended && DatumGetBool(*ended);
}

// returns: whether the new state ends the instance
bool Handling::fold_new_events() {
    if (store::is_decided_outside(type_)) return false;  // its state is folded when somebody asks
    if (ended_by_new_events_) return *ended_by_new_events_;
    // A function was replaced while decide ran.
    TypeFunctions& f = functions();
    const pg::ActiveSnapshot snapshot;
    const AsType scope(type_, f);
    if (f.evolve_identity != folded_by_)
        state_ = fold_instance(type_, f, subject_, instance_, instance_.sequence, context_.get());
    return apply_new_events(f);
}

// state_ is what the functions as they are now make of the events.
bool Handling::has_folded() const {
    if (*type_.evolve == '\0' || store::is_decided_outside(type_)) return false;
    return store::function_generation() == generation_;
}

bool Handling::must_snapshot() const {
    if (!has_folded()) return false;
    return pg::datum_bytes(state_) <= kSmallState ||
           last_ - instance_.folded_sequence >= type_.snapshot_every;
}

Handled Handling::accept() {
    const bool ended = fold_new_events();
    store::append_events(type_.type(), instance_.instance, instance_.sequence + 1, decision_.event_array,
                         now_);
    publish_events(subject_, instance_.instance, instance_.sequence + 1);
    store::Advance advance{instance_.instance, last_, now_, decision_.search, {}, 0};
    if (must_snapshot()) {
        advance.folded = state_;
        advance.folded_by = folded_by_;
    }
    if (store::is_decided_outside(type_))
        advance.unseen = core::unseen_weight(1, pg::datum_bytes(decision_.event_array));
    const std::optional<store::RowVersion> version = store::advance_instance(advance);
    if (version && has_folded())
        keep_state(instance_.instance, *version, folded_by_, generation_ + type_.loaded, state_);
    write_decision({type_, subject_, instance_.instance, last_, now_, instance_.is_new}, decision_);
    if (ended) end_workflow(type_, input_.id, instance_, {core::InstanceState::completed, {}, false, state_});
    if (store::is_decided_outside(type_)) hand_to_worker(type_, input_, instance_);
    return {core::InputState::accepted, {}, instance_.sequence + 1, last_, false};
}

void count(const store::WorkflowType& type, const Handled& handled) {
    using board::WorkflowCount;
    board::WorkflowDelta delta;
    delta[handled.outcome == core::InputState::accepted   ? WorkflowCount::accepted
          : handled.outcome == core::InputState::rejected ? WorkflowCount::rejected
                                                          : WorkflowCount::already_completed] = 1;
    store::remember_workflow_counts(type.type(), delta);
}

}  // namespace

std::optional<Handled> handle_input(const store::WorkflowType& type, const store::Input& input,
                                    const HandleOptions& options) {
    const std::optional<Handled> handled = Handling(type, input, options).run();
    if (handled && !handled->repeated && handled->outcome != core::InputState::pending) count(type, *handled);
    return handled;
}

bool keeps_record(const store::WorkflowType& type, std::string_view input_id,
                  core::InputState outcome) noexcept {
    if (!input_id.empty() || type.record == store::RecordInputs::all) return true;
    return type.record == store::RecordInputs::rejected && outcome == core::InputState::rejected;
}

}  // namespace foreman::engine
