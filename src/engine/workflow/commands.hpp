// What outside workers decide: commands under the token of a leased task, applied as a whole or not at all.
// A command is {"command": KIND, "sequence": N, ...}; its sequence is the place of the step in the worker's code. It is
// recorded as one event, whose data it is. Invariant: a history has at most one command of a sequence.
#pragma once

#include <span>
#include <string_view>

#include "pg/datum.hpp"
#include "store/workflows/types.hpp"

namespace foreman::engine {

enum class Submitted : uint8 {
    accepted,
    lost,   ///< the token is not that of the task any more; nothing has changed
    parked  ///< a command is not the one that the history has; the workflow waits for resume_workflow()
};

/// does: applies the commands that the history does not have yet, and ends the task.
/// needs: the caller may work for the type's queue
/// errors: 55000 for a type that is decided inside; 22023 naming the command and the field, and what enqueue(), children
///     and search attributes raise: then nothing has changed, and the task is still leased
/// cost: a look at an index for each command, however long the history is; a row for each event, effect, timer and child
Submitted submit_commands(const store::WorkflowType& type, std::string_view id, const pg::UuidBytes& token,
                          Datum commands);

}  // namespace foreman::engine
