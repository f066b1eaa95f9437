// See ending.hpp.
#include "engine/workflow/ending.hpp"

#include "engine/workflow/decision.hpp"
#include "pg/datum.hpp"
#include "pg/identity.hpp"
#include "request/json_values.hpp"
#include "store/db/clock.hpp"
#include "store/definitions/access.hpp"
#include "store/jobs/control.hpp"
#include "store/jobs/requests.hpp"
#include "store/jobs/timers.hpp"
#include "store/workflows/commands.hpp"
#include "store/workflows/effects.hpp"
#include "store/workflows/tasks.hpp"

namespace foreman::engine {

namespace {

constexpr int kMaxTries = 100;

// Whoever holds the job reads the request.
void cancel_effect(int64 job_id, std::string_view reason) {
    store::Job job;
    if (store::take_waiting(job_id, CurrentMemoryContext, &job)) {
        store::cancel_taken(job, reason, store::now());
    } else {
        store::insert_request(job_id, {core::RequestAction::cancel, reason, {}, {}});
    }
}

// Each undo waits for the one before it, however that ends.
int64 undo(const store::WorkflowType& type, std::string_view id, const store::Effect& effect, int64 after) {
    store::NewJob job;
    {
        const pg::RunAs run_as(type.run_as);
        job = read_job({type.type(), id}, *effect.undo, "undo");
    }
    job.id = store::next_job_id();
    if (after != 0) {
        job.depends_on = pg::int8_array({&after, 1});
        job.run_anyway = true;
    }
    job.metadata = store::effect_metadata(job.metadata, type.type(), id, effect.key,
                                          effect.result ? *effect.result : pg::jsonb_from_text("null"));
    job.origin = core::Origin::workflow_undo;
    job.origin_id = effect.effect;
    if (store::insert_job(job).id != job.id)
        throw pg::Failure(
            ERRCODE_UNIQUE_VIOLATION,
            "workflow \"%.*s\", id \"%.*s\", undo of effect \"%.*s\": another job has its unique_key",
            static_cast<int>(type.type().size()), type.type().data(), static_cast<int>(id.size()), id.data(),
            static_cast<int>(effect.key.size()), effect.key.data());
    store::mark_undoing(effect.effect, job.id);
    return job.id;
}

void undo_all(const store::WorkflowType& type, std::string_view id, int64 instance, std::string_view reason) {
    cancel_effects(instance, reason);
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<store::Effect> done(&memory);
    store::effects_to_undo(instance, CurrentMemoryContext, &done);
    int64 after = 0;
    for (const store::Effect& e : done) after = undo(type, id, e, after);
}

void end_children(int64 instance) {
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<store::Family> children(&memory);
    store::running_children(instance, CurrentMemoryContext, &children);
    for (const store::Family& c : children) {
        if (c.on_parent_end == core::OnParentEnd::abandon) continue;
        const store::WorkflowType& type = store::find_workflow_type(c.type);
        if (!type.exists) continue;
        store::NewInput end;
        end.id = c.id;
        end.root = c.root;
        end.source = c.on_parent_end == core::OnParentEnd::cancel ? core::InputSource::cancel
                                                                  : core::InputSource::terminate;
        end.payload = store::cancel_payload("its parent ended");
        store::send_input(type, end);
    }
}

}  // namespace

void cancel_effects(int64 instance, std::string_view reason) {
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<store::Effect> open(&memory);
    store::open_effects(instance, CurrentMemoryContext, &open);
    for (const store::Effect& e : open) cancel_effect(e.job_id, reason);
}

void cancel_timers(const store::WorkflowType& type, int64 instance) {
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<std::string_view> timers(&memory);
    store::timer_keys(type.kind, instance, CurrentMemoryContext, &timers);
    for (const std::string_view key : timers) cancel_timer(type, instance, key);
}

void end_workflow(const store::WorkflowType& type, std::string_view id, const store::Instance& instance,
                  const Ending& ending) {
    store::end_instance(instance.instance, ending.state, ending.reason, store::now());
    if (store::is_decided_outside(type)) {
        store::drop_task(instance.instance);
        store::call_held_inputs(type, id);
    }
    cancel_timers(type, instance.instance);
    if (ending.undo) undo_all(type, id, instance.instance, ending.reason);
    end_children(instance.instance);
    store::tell_parent(instance.parent, instance.on_end, type.type(), id, core::state_word(ending.state),
                       ending.reason, ending.result);
}

void cancel_workflow(const store::WorkflowType& type, const store::Input& input,
                     const store::Instance& instance) {
    const std::string_view reason = request::text_member(input.payload, "reason").value_or("cancelled");
    end_workflow(type, input.id, instance, {core::InstanceState::cancelled, reason, true, std::nullopt});
}

void fail_workflow(const store::WorkflowType& type, const store::Input& input,
                   const store::Instance& instance) {
    const std::string_view reason = input.source == core::InputSource::fail
                                        ? request::text_member(input.payload, "reason").value_or("failed")
                                        : pg::jsonb_to_text(input.payload);
    end_workflow(type, input.id, instance, {core::InstanceState::failed, reason, true, std::nullopt});
    if (input.effect != 0) store::note_failed_effect(instance.instance, input.effect);
}

void undo_late_effect(const store::WorkflowType& type, const store::Input& input) {
    store::Effect effect{};
    if (store::effect_to_undo(input.effect, CurrentMemoryContext, &effect)) undo(type, input.id, effect, 0);
}

void tell_parent_of_refusal(const store::WorkflowType& type, const store::Input& input,
                            std::string_view reason) {
    const bool continued = store::current_instance(input.parent) != input.parent;
    store::tell_parent(input.parent, store::end_of_child(input.on_end, continued), type.type(), input.id,
                       "rejected", reason, std::nullopt);
}

void cancel_timer(const store::WorkflowType& type, int64 instance, std::string_view key) {
    const std::string_view unique = store::timer_key(instance, key);
    store::TimerRow timers[2];
    for (int tries = 0; tries < kMaxTries; tries++) {
        const int n = store::find_timers(type.kind, unique, timers);
        int cancelled = 0;
        while (cancelled < n && store::cancel_timer(timers[cancelled])) cancelled++;
        if (cancelled == n) return;
    }
}

const store::WorkflowType& target_of(const store::WorkflowType& from, std::string_view name) {
    const store::WorkflowType& type = store::require_workflow_type(name);
    const pg::RunAs run_as(from.run_as);
    store::require(store::Bundle::producer, type.queue);
    return type;
}

}  // namespace foreman::engine
