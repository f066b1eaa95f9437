// See writing.hpp.
#include "engine/workflow/writing.hpp"

#include "engine/workflow/ending.hpp"
#include "pg/error.hpp"
#include "store/definitions/definitions.hpp"
#include "store/workflows/effects.hpp"
#include "store/workflows/inputs.hpp"

namespace foreman::engine {

namespace {

void write_timer(const Decided& by, const TimerAsked& t) {
    store::NewJob job;
    job.kind = by.type.kind;
    job.queue = by.type.queue;
    job.priority = store::find_queue(by.type.queue).priority;
    job.role = by.type.run_as;
    job.run_at = t.fire_at;
    job.args = t.input;
    job.unique_key = store::timer_key(by.instance, t.key);
    job.timer = true;
    job.fresh_key = by.is_new;
    job.on_conflict = store::OnConflict::replace;
    job.origin = core::Origin::workflow_timer;
    job.origin_id = by.instance;
    store::insert_job(job);
}

void write_effect(const Decided& by, const EffectAsked& asked, std::size_t index) {
    char numbered[64];
    std::snprintf(numbered, sizeof(numbered), INT64_FORMAT ".%zu", by.last, index + 1);
    const std::string_view key = asked.key.empty() ? std::string_view(numbered) : asked.key;
    store::NewJob job = asked.job;
    job.id = store::next_job_id();
    const int64 effect = store::insert_effect(
        {by.instance, key, job.kind, asked.on_result, asked.on_failure, by.last, job.id, asked.undo}, by.now);
    if (effect == 0)
        throw pg::Failure(ERRCODE_UNIQUE_VIOLATION,
                          "workflow \"%.*s\", id \"%.*s\" has an effect with key \"%.*s\" already",
                          static_cast<int>(by.subject.type.size()), by.subject.type.data(),
                          static_cast<int>(by.subject.id.size()), by.subject.id.data(),
                          static_cast<int>(key.size()), key.data())
            .hint("Give each effect a key of its own; a key is free again when its effect has failed.");
    job.metadata = store::effect_metadata(job.metadata, by.subject.type, by.subject.id, key);
    job.origin = core::Origin::workflow_effect;
    job.origin_id = effect;
    // What another job does cannot be the effect: its end would be nobody's.
    if (store::insert_job(job).id != job.id)
        throw pg::Failure(ERRCODE_UNIQUE_VIOLATION,
                          "workflow \"%.*s\", id \"%.*s\", effect \"%.*s\": another job has its unique_key",
                          static_cast<int>(by.subject.type.size()), by.subject.type.data(),
                          static_cast<int>(by.subject.id.size()), by.subject.id.data(),
                          static_cast<int>(key.size()), key.data())
            .hint("An effect is a job of its own; leave out unique_key, or make it one of the workflow's.");
}

const store::WorkflowType& target(const Decided& by, std::string_view name, const char* field,
                                  std::size_t index) {
    try {
        return target_of(by.type, name);
    } catch (const pg::Failure& f) {
        throw pg::Failure(f.sqlstate(), "%s workflow type \"%s\" is wrong: %s[%zu].workflow_type: %s",
                          by.subject.whose, by.type.name, field, index, f.message())
            .detail("It was asked for workflow \"%.*s\".", static_cast<int>(by.subject.id.size()),
                    by.subject.id.data())
            .hint("%s", f.hint());
    }
}

void write_child(const Decided& by, const ChildAsked& c, std::size_t index) {
    store::NewInput start;
    start.id = c.id;
    start.source = core::InputSource::child_start;
    start.payload = c.input;
    start.begins = true;
    start.parent = by.instance;
    start.on_end = c.on_end;
    start.on_parent_end = c.on_parent_end;
    store::send_input(target(by, c.type, "children", index), start);
}

void write_signal(const Decided& by, const SignalAsked& s, std::size_t index) {
    store::NewInput signal;
    signal.id = s.id;
    signal.payload = s.input;
    signal.begins = true;
    store::send_input(target(by, s.type, "signals", index), signal);
}

}  // namespace

void write_decision(const Decided& by, const Decision& d) {
    for (const std::string_view key : d.cancel_timers) cancel_timer(by.type, by.instance, key);
    for (const TimerAsked& t : d.timers) write_timer(by, t);
    for (std::size_t i = 0; i < d.effects.size(); i++) write_effect(by, d.effects[i], i);
    for (std::size_t i = 0; i < d.children.size(); i++) write_child(by, d.children[i], i);
    for (std::size_t i = 0; i < d.signals.size(); i++) write_signal(by, d.signals[i], i);
}

}  // namespace foreman::engine
