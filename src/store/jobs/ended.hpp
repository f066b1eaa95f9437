// Who is told of the end of a job, in the transaction that ends it, without jobs knowing what they were made
// for: runs of cron.job. An observer registers once, when the library is loaded, and is called for all jobs.
// Invariant: every way in which a job leaves foreman.live_job for good comes by here, once
// (test/tap/028_observers_of_ends.pl). A dead letter has ended; if it is retried, it ends again.
#pragma once

#include <span>

#include "store/jobs/jobs.hpp"

namespace foreman::store {

/// Reason of a job that runs once and did not survive its process.
inline constexpr const char* kServerRestarted = "server restarted";

struct EndObserver {
    /// Whether this job runs once, whatever breaks it off.
    /// cost: called for jobs whose session died only
    bool (*runs_once)(const Job& job);
    /// Jobs ended, or were deleted (Next::remove); some of them may be nothing to this observer. Called in the
    /// transaction that ends them, which an error here aborts.
    void (*ended)(std::span<const Ended> ended);
    /// A job that has ended comes back, in this transaction: it is going to end again. nullptr: nothing to say.
    /// returns: false where it must not, since something else has taken its place
    bool (*comes_back)(int64 job_id, core::Origin origin, int64 origin_id) = nullptr;
};

/// needs: `observer` lives as long as the process; called while the library is loaded
void observe_ends(const EndObserver& observer) noexcept;

void tell_observers(std::span<const Ended> ended);
bool runs_once(const Job& job);
/// Whether no observer minds that an ended job comes back.
bool may_come_back(int64 job_id, core::Origin origin, int64 origin_id);

}  // namespace foreman::store
