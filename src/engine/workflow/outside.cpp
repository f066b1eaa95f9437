// See outside.hpp.
#include "engine/workflow/outside.hpp"

#include <charconv>

#include "engine/workflow/commands.hpp"
#include "engine/workflow/ending.hpp"
#include "pg/datum.hpp"
#include "request/json_values.hpp"
#include "store/workflows/commands.hpp"
#include "store/workflows/effects.hpp"
#include "store/workflows/tasks.hpp"

namespace foreman::engine {

namespace {

struct Word {
    std::string_view input, event;
};
constexpr Word kWords[] = {
    {"effect_completed", "EffectCompleted"}, {"effect_failed", "EffectFailed"},
    {"effect_retried", "EffectRetried"},     {"timer_fired", "TimerFired"},
    {"timer_failed", "TimerFailed"},         {"signal_timed_out", "SignalTimedOut"},
    {"child_ended", "ChildEnded"},           {store::kEarlierChild, "EarlierChildEnded"}};

// Its type says what ended, and, after a colon, which command had asked for it.
Datum event_of_end(std::string_view type, Datum payload, std::string_view* name) {
    const std::size_t colon = type.find(':');
    const std::string_view word = type.substr(0, colon);
    *name = "Noted";
    for (const Word& w : kWords) {
        if (w.input == word) *name = w.event;
    }
    std::optional<int64> sequence;
    if (colon != std::string_view::npos) {
        int64 number = 0;
        const char* end = type.data() + type.size();
        if (std::from_chars(type.data() + colon + 1, end, number).ptr == end) sequence = number;
    }
    return store::told_event(*name, payload, sequence);
}

}  // namespace

void note_input(const store::Input& input, const store::Instance& instance, Decision* out) {
    const std::optional<std::string_view> type = request::text_member(input.payload, "type");
    EventAsked& e = out->events.emplace_back();
    if (instance.is_new) {
        e.type = "WorkflowStarted";
        out->event_array = store::given_event(e.type, input.payload, std::nullopt);
    } else if (input.source == core::InputSource::signal) {
        e.type = "SignalReceived";
        out->event_array = store::given_event(e.type, input.payload, type);
    } else if (input.source == core::InputSource::cancel) {
        e.type = "CancelRequested";
        out->event_array = store::told_event(e.type, input.payload, std::nullopt);
    } else if (input.effect != 0 && !store::is_effect_of(input.effect, instance.instance)) {
        e.type = "EarlierEffectEnded";
        out->event_array = store::told_event(e.type, input.payload, std::nullopt);
    } else {
        out->event_array = event_of_end(type.value_or(""), input.payload, &e.type);
    }
}

void hand_to_worker(const store::WorkflowType& type, const store::Input& input,
                    const store::Instance& instance) {
    if (input.source == core::InputSource::signal && !instance.is_new) {
        const std::optional<std::string_view> name = request::text_member(input.payload, "type");
        if (name) {
            if (const auto timer = store::find_wait_timer(type, instance.instance, *name))
                cancel_timer(type, instance.instance, *timer);
        }
    }
    if (input.source == core::InputSource::cancel) {
        const std::string_view reason = request::text_member(input.payload, "reason").value_or("cancelled");
        if (!store::has_commands(instance.instance) && store::drop_task(instance.instance)) {
            end_workflow(type, input.id, instance,
                         {core::InstanceState::cancelled, reason, true, std::nullopt});
            return;
        }
        cancel_timers(type, instance.instance);
        cancel_effects(instance.instance, reason);
    }
    store::make_task_due(type, input.id, instance.instance);
}

}  // namespace foreman::engine
