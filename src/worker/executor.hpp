// An executor: a session of one role in one database that claims due jobs of that role's kinds, runs and
// finishes them. Started by the dispatcher with a slot of the board; ends when asked to, or when nothing was
// due for a while and it is not the last.
#pragma once

#include "pg/prelude.hpp"

namespace foreman::worker {

/// What the dispatcher hands to an executor, in bgw_extra.
struct ExecutorTicket {
    Oid database;
    Oid role;
    int32 slot;
};

void executor_main(const ExecutorTicket& ticket);

}  // namespace foreman::worker
