// Handlers that have to be called through SQL: set-returning ones (lane batch) and procedures (lane
// procedure). Run with the caller's identity, which is the handler's role.
#pragma once

#include <string_view>

#include "store/jobs/jobs.hpp"
#include "store/jobs/settle.hpp"

namespace foreman::store {

struct BatchOutcome {
    int64 job_id;
    Attempt attempt;  // reason: the error
};
/// does: SELECT .. FROM function(jobs), outcomes copied to `context`.
/// errors: the handler's; 22023 for an unknown outcome
void call_batch(const char* function, Datum jobs, Oid jobs_type, MemoryContext context,
                pg::vector<BatchOutcome>* out);
/// does: CALL procedure(argument) at top level, so that it may COMMIT.
/// needs: no transaction open; the argument lives longer. statement_ms: how long it may take, or
///     pg::kSessionTimeout
void call_procedure(const char* function, Oid argument_type, Datum argument, int statement_ms);

}  // namespace foreman::store
