// What handlers left to the end of their transaction: deferred constraint triggers, which are code of theirs
// as well. The executor runs them before its commit, under a deadline and open to cancel, as it runs
// handlers.
#pragma once

#include "engine/group.hpp"

namespace foreman::engine {

/// does: runs the deferred triggers of the transaction. A job that has it to itself may take its timeout;
///     jobs that share it a second, or the least of their timeouts.
/// returns: false when they were interrupted through no fault of the job: the transaction has to be given up,
///     and nobody is charged.
/// errors: what they raise; 57014 when the time is over
bool run_deferred_triggers(Group& group);

}  // namespace foreman::engine
