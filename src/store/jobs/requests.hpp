// Requests that stand for what is to be done to a job while somebody holds it: cancel, reschedule, delete.
// Written by whoever asks, and applied by whoever holds the job next. Invariant: a request is applied in the
// transaction that removes it.
#pragma once

#include <optional>
#include <string_view>

#include "store/jobs/jobs.hpp"

namespace foreman::store {

using core::RequestAction;
struct Request {
    core::RequestAction action;
    std::string_view reason;
    std::optional<core::Instant> run_at;
    std::optional<int16> priority;
};
void insert_request(int64 job_id, const Request& request);
/// The strongest request for a job (delete, cancel, the last reschedule), removing all of its rows;
/// cancel_at_end comes as cancel.
Request take_request(int64 job_id, MemoryContext context);
/// Whether a cancel or delete of the job is wanted; removes nothing.
bool has_stop_request(int64 job_id);

// ---- the pass of the dispatcher ---------------------------------------------

/// does: applies the requests whose job nobody holds and removes those whose job has ended, of the jobs with
///     ids above `after`, for about `most`.
/// returns: how many were left over, and whether there is more to look at
struct RequestPass {
    int64 applied;
    int64 left;
    int64 after;  // where to go on
    bool more;
};
/// interrupt: running handlers were told nothing yet, as after COMMIT PREPARED.
RequestPass apply_requests(int64 after, core::Micros most, bool interrupt = false);
/// Whether job_request may have rows; without the board it always may.
bool requests_open() noexcept;

}  // namespace foreman::store
