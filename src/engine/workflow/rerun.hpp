// A failed workflow runs again, or a workflow begins with the history of another one. Both are events of the history,
// foreman.Retried and foreman.Forked, which evolve does not see.
#pragma once

#include <optional>
#include <string_view>

#include "store/workflows/types.hpp"

namespace foreman::engine {

/// does: lets a failed workflow go on where it failed: what failed is tried again, what its end cancelled is done
///     again, its timers are set again.
/// returns: the number of the event
/// errors: 42704 there is none; 55000 it has not failed, what it had done is undone, or what failed is gone; 23505 its
///     unique key is held
int64 retry_workflow(const store::WorkflowType& type, std::string_view id,
                     std::optional<std::string_view> reason);

struct Fork {
    std::string_view id, new_id;
    int64 at_sequence;
    std::optional<std::string_view> reason;
};
/// does: begins a workflow with the first events of another one; effects, timers and children are not copied.
/// returns: the number of the event
/// errors: 42704 there is none; 22003 for at_sequence; 23505 new_id or the unique key is taken; 55000 its state would be
///     terminal
int64 fork_workflow(const store::WorkflowType& type, const Fork& fork);

/// does: appends an event of our own kind to the history of a locked instance.
/// more: an object with what it has beside who and why
/// returns: its number
int64 append_own_event(std::string_view type, int64 instance, int64 sequence, const char* what,
                       std::string_view by, std::optional<std::string_view> reason,
                       std::optional<Datum> more);
/// The name of the current user.
const char* user_name();

}  // namespace foreman::engine
