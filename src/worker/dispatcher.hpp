// The dispatcher: one per database. Sleeps until the next due thing; starts and wakes executors, settles what
// dead ones left, applies requests, expires and prunes. Never runs user code. In a database without the
// extension it leaves at once.
#pragma once

#include "pg/prelude.hpp"

namespace foreman::worker {

/// How a dispatcher ends, as exit status for the launcher: 0 nothing to do here.
void dispatcher_main(Oid database);

}  // namespace foreman::worker
