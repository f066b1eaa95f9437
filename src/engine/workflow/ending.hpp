// How workflows end other than by a state that is terminal: cancelled, failed, terminated; and what is undone then.
#pragma once

#include "engine/workflow/execute.hpp"

namespace foreman::engine {

/// The instance ends cancelled: decide left the cancel to us. Open effects are cancelled, completed ones undone.
void cancel_workflow(const store::WorkflowType& type, const store::Input& input,
                     const store::Instance& instance);
/// The instance ends failed: decide refused the notice of a dead letter, or nobody could handle it.
void fail_workflow(const store::WorkflowType& type, const store::Input& input,
                   const store::Instance& instance);
/// An effect completed after its instance had been cancelled or had failed: it is undone as well.
void undo_late_effect(const store::WorkflowType& type, const store::Input& input);
/// A child was not begun: its parent hears of it as of an end.
void tell_parent_of_refusal(const store::WorkflowType& type, const store::Input& input,
                            std::string_view reason);

/// does: cancels what an instance waits for: its open effects, all its timers.
void cancel_effects(int64 instance, std::string_view reason);
void cancel_timers(const store::WorkflowType& type, int64 instance);
/// does: cancels the timer of an instance; none is nothing.
void cancel_timer(const store::WorkflowType& type, int64 instance, std::string_view key);
/// The type that a decision names, which the deciding type's role may feed.
/// errors: 42704, 42501
const store::WorkflowType& target_of(const store::WorkflowType& from, std::string_view type);

}  // namespace foreman::engine
