// Retention of workflows: instances that have ended go with their events, effects and inputs when their type's
// retain_completed is over. A part of Pruner.
// Invariant: nothing of an instance that runs goes, nor of one that something is under way for: an effect, an undo, an
// input that waits, an event that some projection has not come to.
#pragma once

#include "core/time.hpp"
#include "pg/prelude.hpp"

namespace foreman::store {

/// Where a pass has come to.
struct PrunePlace {
    core::Instant at = core::kMinusInfinity;
    int64 number = 0;
};
struct PrunedSome {
    int64 rows;
    bool more;
};
/// does: removes some instances behind `place`, in one statement.
/// cost: about kEventsAtOnce events, or one instance, however long its history is
PrunedSome prune_instances(core::Instant now, PrunePlace* place);
/// does: removes some handled inputs that no instance has: those that would have begun one, and were rejected.
PrunedSome prune_strayed_inputs(core::Instant now, PrunePlace* place);

}  // namespace foreman::store
