// As which role something will run, and whether it can: for handlers and for scheduled commands. Called by
// the functions that register them, so that what cannot run is refused at once. Invariant: a role that passed
// exists, the caller may SET ROLE to it, and the server lets it have a session here.
#pragma once

#include "api/public_function.hpp"
#include "request/arguments.hpp"

namespace foreman::api {

/// The role that is meant; nothing stands for the caller.
/// errors: 42704, 42501, 55000
Oid check_run_as(OptionalDatum value);
/// An SQL command, as far as its syntax goes.
/// errors: 42601 and its like, 22023 when it is empty
void check_command(std::string_view command);

}  // namespace foreman::api
