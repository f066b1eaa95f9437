// Events of workflows as publishes: one that is appended is published as workflow.TYPE.EVENT_TYPE, in its transaction.
#pragma once

#include "engine/workflow/fold.hpp"

namespace foreman::engine {

/// does: publishes the events of an instance from number `first` on, where subscriptions hear of them.
/// needs: they were appended in this transaction
/// cost: none where no pattern begins with workflow or a wild-card; else a read of the events
void publish_events(const Subject& subject, int64 instance, int64 first);

}  // namespace foreman::engine
