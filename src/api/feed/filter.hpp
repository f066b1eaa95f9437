// What readers of the feed ask for, checked.
#pragma once

#include "api/public_function.hpp"
#include "request/arguments.hpp"

namespace foreman::api {

/// does: checks names of types of workflows, whose events the caller has to be allowed to see.
/// returns: text[]; nothing: all events there are
/// errors: 22004 for a NULL among them, 22023 for an empty array, 42704 for an unknown type, 42501
OptionalDatum wanted_types(OptionalDatum names);
/// The same for types of events, which need not be known.
OptionalDatum wanted_event_types(OptionalDatum names);
/// A position that was given to an event, or 0.
/// errors: 22004, 22003; 22023 for one that is in the future
int64 required_position(OptionalDatum value, const char* argument);
/// The same for the place of a projection: up to there nothing is open, which readers on a standby rely on.
/// errors: 22023 for one that is not settled
int64 required_settled_position(OptionalDatum value, const char* argument);

}  // namespace foreman::api
