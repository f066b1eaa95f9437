// What decide answered, read and checked as a whole before anything is written.
#pragma once

#include <optional>
#include <string_view>

#include "engine/workflow/fields.hpp"
#include "engine/workflow/fold.hpp"
#include "pg/memory.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::engine {

struct EventAsked {
    std::string_view type;
    int32 version = 1;
    Datum event = 0;  ///< {"type", "data", "version"}
};
struct EffectAsked {
    std::string_view key, on_result, on_failure;
    store::NewJob job;
    std::optional<Datum> undo;  ///< object of options of enqueue()
};
struct TimerAsked {
    std::string_view key;
    core::Instant fire_at{};
    Datum input = 0;
};
struct ChildAsked {
    std::string_view type, id, on_end;
    Datum input = 0;
    core::OnParentEnd on_parent_end = core::OnParentEnd::abandon;
};
struct SignalAsked {
    std::string_view type, id;
    Datum input = 0;
};

struct Decision {
    explicit Decision(pg::ContextResource* memory)
        : events(memory),
          effects(memory),
          timers(memory),
          cancel_timers(memory),
          children(memory),
          signals(memory) {}

    std::optional<Datum> rejection;  ///< nothing else is set then
    pg::vector<EventAsked> events;
    pg::vector<EffectAsked> effects;
    pg::vector<TimerAsked> timers;
    pg::vector<std::string_view> cancel_timers;
    pg::vector<ChildAsked> children;
    pg::vector<SignalAsked> signals;
    std::optional<Datum> search;
    Datum event_array = 0;  ///< the events, whole
};

/// does: reads a decision. Texts point into `answer`; values are in CurrentMemoryContext.
/// needs: the current user is the type's role, whose rights on queues count
/// errors: 22023 naming the field; those of enqueue() for effects and undos; 42501
void read_decision(Subject subject, Datum answer, core::Instant now, Decision* out);

/// does: reads a jsonb array of events, which may be empty.
/// errors: 22023 naming the field
void read_event_array(Subject subject, Datum events, pg::vector<EventAsked>* out);

/// Parts of decisions that commands have as well.
std::optional<Datum> read_undo(const Fields& fields);
/// errors: unless it has either "after" or "fire_at", from `now` on
core::Instant read_fire_time(const Fields& fields, core::Instant now);
core::OnParentEnd read_parent_end(const Fields& fields);

/// does: reads one job of a decision, {"kind", "args", options of enqueue()}.
store::NewJob read_job(Subject subject, Datum object, const char* field);

}  // namespace foreman::engine
