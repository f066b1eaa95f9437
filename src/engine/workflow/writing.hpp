// What a decision asks for beside its events, written: timers, effects, children and signals. Used for what decide answers
// and for the commands of outside workers.
#pragma once

#include "engine/workflow/decision.hpp"

namespace foreman::engine {

/// Whose decision it is.
struct Decided {
    const store::WorkflowType& type;
    Subject subject;
    int64 instance;
    int64 last;  ///< number of its last event
    core::Instant now;
    bool is_new = false;  ///< the instance was begun by this input: it has no timers
};
/// does: cancels timers, sets timers, enqueues effects, starts children and sends signals.
/// needs: the row of the instance is locked
/// errors: 23505 for an effect whose key is in use; those of enqueue(); 42704 and 42501 for types that it names
void write_decision(const Decided& by, const Decision& decision);

}  // namespace foreman::engine
