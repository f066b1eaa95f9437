// Why a job is not running now: one reason a row, from its row, the board and the server's locks. Called by
// api/see/why.cpp. Invariant: nothing is changed and nobody is waited for; what is told of other jobs is told
// only of queues that the caller sees.
#pragma once

#include <optional>

#include "core/time.hpp"
#include "pg/memory.hpp"

namespace foreman::store {

struct Reason {
    const char* reason;  // a literal, documented in docs/why.md
    Datum detail;        // jsonb
    std::optional<core::Instant> until;
};

/// does: appends every reason that holds; at least one: `not_found` where there is no such job that the
///     caller sees, `ready` where nothing is in its way.
/// needs: a transaction; values go into CurrentMemoryContext
/// cost: a few prepared statements by primary key or by key; reads pg_locks for a job that somebody holds
void reasons_of(int64 job_id, core::Instant now, pg::vector<Reason>* out);

}  // namespace foreman::store
