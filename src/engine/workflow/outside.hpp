// What an input is to a workflow that workers outside decide: an event in its history, and a task for a worker.
#pragma once

#include "engine/workflow/decision.hpp"
#include "store/workflows/inputs.hpp"

namespace foreman::engine {

/// does: answers for decide: the one event that says what came. WorkflowStarted for what begins the instance,
///     SignalReceived, EffectCompleted, EffectFailed, TimerFired, TimerFailed, SignalTimedOut, ChildEnded,
///     CancelRequested. What the run before had begun (continue_as_new) ends as EarlierEffectEnded and
///     EarlierChildEnded: the commands of this one have numbers of their own.
void note_input(const store::Input& input, const store::Instance& instance, Decision* out);
/// does: what follows at once from such an event, and the task. A signal stops the time-out of the wait that it ends. A
///     cancel stops timers and open effects; where no worker has decided anything yet, it ends the instance.
/// needs: the event is written
void hand_to_worker(const store::WorkflowType& type, const store::Input& input,
                    const store::Instance& instance);

}  // namespace foreman::engine
