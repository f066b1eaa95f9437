// One job, or one batch, inside the transaction of its group: a subtransaction with a fresh snapshot and its
// own settings, the handler called, what came of it. Called by Group; never commits, never touches our
// tables. Invariant: after an attempt that did not complete, nothing that the handler wrote is left, except
// where it asked for an outcome (snooze, discard, ...) and returned.
#pragma once

#include <optional>

#include "core/job_state.hpp"
#include "pg/error.hpp"
#include "store/jobs/current_job.hpp"
#include "store/jobs/handler_sql.hpp"
#include "store/jobs/jobs.hpp"
#include "store/jobs/settle.hpp"

namespace foreman::engine {

using store::Attempt;

struct RunnerOptions {
    bool shared = false;  // other jobs are, or may come, in this transaction
    bool in_executor =
        false;  // interrupts that nobody of us sent fail the attempt; elsewhere they end the call
};

/// does: runs one job of lane transaction.
/// cost: about 1.5 us over the handler itself
Attempt run_job(const store::Handler& handler, const store::Job& job, const RunnerOptions& options,
                MemoryContext group);
/// does: runs one batch; answers one attempt for all when it failed as a whole, else fills `outcomes`.
Attempt run_batch(const store::Handler& handler, std::span<const store::Job> jobs,
                  const RunnerOptions& options, MemoryContext group,
                  pg::vector<store::BatchOutcome>* outcomes);

/// How long a job may run: its own timeout, else its handler's; kForever: without limit.
core::Micros timeout_of(const store::Handler& handler, int64 job_timeout_us) noexcept;

/// The error of a failed attempt, its texts copied to `context`.
store::AttemptError keep_error(const pg::PgError& error, int attempt, core::Instant at,
                               MemoryContext context);

/// The error of an attempt that took longer than it may.
store::AttemptError timeout_error(core::Micros timeout, int attempt, core::Instant at, MemoryContext context);

/// Whether an interrupt of `ours` may reach the process: held except while a handler runs.
void hold_cancel() noexcept;
void release_cancel() noexcept;
/// Before a job is published: what came while none ran was meant for none that will.
void forget_cancel() noexcept;

}  // namespace foreman::engine
