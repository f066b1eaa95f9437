// What operators do to jobs: cancel, retry, reschedule, delete; and the requests that stand for it while a
// job is running. No call here waits for a lock on a job: what is locked gets a request instead. Invariant: a
// request is applied by whoever next holds its job (executor or dispatcher), in the transaction that removes
// it.
#pragma once

#include <optional>
#include <string_view>

#include "store/jobs/jobs.hpp"

namespace foreman::store {

enum class Place { nowhere, live, history, dead };

struct Found {
    Place place;
    char state;  // of a live one
    BoardName queue;
    std::string_view queue_name() const noexcept { return {queue.text, queue.len}; }
};
/// Where a job is in this snapshot; Place::nowhere when it is nowhere.
Found find_job(int64 job_id);

/// does: deletes a waiting job if nobody holds it and reads it.
/// returns: false when it is locked, running or gone
bool take_waiting(int64 job_id, MemoryContext context, Job* out);
/// The same for many; those that are locked, running or gone are not in `out`.
void take_waiting_many(std::span<const int64> ids, MemoryContext context, pg::vector<Job>* out);
/// What take_waiting() took is to be recorded as cancelled at `at`, or forgotten for good.
void cancel_taken(const Job& job, std::string_view reason, Instant at);
void cancel_taken(std::span<const Job> jobs, std::string_view reason, Instant at);
void delete_taken(const Job& job);
/// Moves a waiting job to another time or priority; false as above.
bool move_waiting(int64 job_id, std::optional<Instant> run_at, std::optional<int16> priority, Oid user);

using core::RequestAction;
struct Request {
    RequestAction action;
    std::string_view reason;
    std::optional<Instant> run_at;
    std::optional<int16> priority;
};
void insert_request(int64 job_id, const Request& request);
/// The strongest request for a job (delete, cancel, the last reschedule), removing all of its rows;
/// cancel_at_end comes as cancel.
Request take_request(int64 job_id, MemoryContext context);
/// Whether a cancel or delete of the job is wanted; removes nothing.
bool has_stop_request(int64 job_id);

/// Brings a finished job back: attempt 0, due now.
/// returns: false when it is in neither place
/// errors: 55000 when its args were not kept
bool revive(int64 job_id, Place place);
bool delete_finished(int64 job_id, Place place);

/// State and result as await() answers them: nothing when the job does not exist.
struct Answer {
    std::string_view state;  // the nine names
    bool terminal;
    std::optional<Datum> result;
};
std::optional<Answer> read_answer(int64 job_id, Instant now, MemoryContext context);

// ---- the dispatcher's passes ------------------------------------------------

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
/// Cancels up to `max` waiting jobs whose expires_at has passed; next: the earliest that is left.
int64 expire_jobs(Instant now, int max, Instant* next);

}  // namespace foreman::store
