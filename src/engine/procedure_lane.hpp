// Lane procedure: a job that owns its transactions. The claim commits first, the work runs in transactions of
// its own, the outcome is written under the token. At least once: whoever dies between is rescued by the
// dispatcher.
#pragma once

#include "board/board.hpp"
#include "store/definitions/definitions.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::engine {

/// does: claims and runs one due job of the range.
/// returns: its id, 0 when there was none
/// needs: an executor or a CALL at top level, no transaction open
int64 run_procedure_job(const board::RangeChoice& choice, core::Key from, bool in_executor);
/// The outcome of a leased job whose process ended: uncharged or, where it was its own fault, as a failure
/// with this message.
/// needs: a transaction.
/// returns: false when the job is no longer leased
bool rescue_leased(int64 job_id, bool charged, const char* message);
/// The same, with this error, for a job that was claimed by delete and is waiting again after the rollback.
bool charge_waiting(int64 job_id, const store::AttemptError& error);

}  // namespace foreman::engine
