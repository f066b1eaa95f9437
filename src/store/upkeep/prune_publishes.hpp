// Retention of publishes: they go when foreman.retain_publishes is over and none of their deliveries is under way or a
// dead letter. A part of Pruner.
#pragma once

#include "store/upkeep/prune_workflows.hpp"

namespace foreman::store {

/// does: removes some publishes behind `place`, in one statement.
PrunedSome prune_publishes(core::Instant now, PrunePlace* place);
/// does: removes some publishes that came to nobody: those past the retention, and those beyond the newest that are kept.
PrunedSome prune_unroutable(core::Instant now);

}  // namespace foreman::store
