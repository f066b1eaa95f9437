// What becomes of one job whose row its holder has just taken out of live_job: decided, and written where it
// belongs. For jobs that run outside a group: lane procedure, outside workers, rescue. Group writes its own
// outcomes set-wise.
#pragma once

#include "store/jobs/jobs.hpp"

namespace foreman::store {

struct Report {
    core::Outcome outcome = core::Outcome::completed;
    bool uncharged = false;                  // the attempt does not count: put back as it was
    core::Micros run_in{};                   // snoozed, throttled
    std::optional<core::Micros> retry_in{};  // failed: instead of the backoff
    std::optional<Datum> result{};
    std::string_view reason{};
    std::optional<AttemptError> error{};
    Instant started_at{};
    bool broken_off = false;  // uncharged, but it had begun: runs of cron.job do not begin again
};

enum class Settled { completed, retryable, released, discarded, cancelled, deleted };

/// What core/job_state.hpp decides, with this job's settings.
core::Verdict decide_for(const Handler& handler, const Job& job, core::AttemptEnd end);
/// does: obeys a pending request, else history, dead letter or put back.
/// needs: the row taken in this transaction
Settled settle(const Job& job, const Report& report, MemoryContext context);
/// A job met somebody's limit: its queue cools down from the commit on.
/// returns: when the job runs again, from now
core::Micros throttle(const Job& job);

/// All jobs that outside workers hold, given back uncharged: for a copy of a database, where nobody can hold
/// one.
void release_all_leases();

}  // namespace foreman::store
