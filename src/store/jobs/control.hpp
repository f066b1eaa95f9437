// What operators do to jobs that wait or have ended: take, cancel, move, delete. No call here waits for a lock
// on a job: what is locked gets a request instead (requests.hpp).
#pragma once

#include <optional>
#include <string_view>

#include "store/jobs/find.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::store {

/// does: deletes a waiting job if nobody holds it and reads it.
/// returns: false when it is locked, running or gone
bool take_waiting(int64 job_id, MemoryContext context, Job* out);
/// The same for many; those that are locked, running or gone are not in `out`.
void take_waiting_many(std::span<const int64> ids, MemoryContext context, pg::vector<Job>* out);
/// What take_waiting() took is to be recorded as cancelled at `at`, or forgotten for good.
void cancel_taken(const Job& job, std::string_view reason, core::Instant at);
void cancel_taken(std::span<const Job> jobs, std::string_view reason, core::Instant at);
void delete_taken(const Job& job);
/// Moves a waiting job to another time or priority; false as above.
bool move_waiting(int64 job_id, std::optional<core::Instant> run_at, std::optional<int16> priority, Oid user);
/// Whoever reschedules or retries a job stands for it as if he had enqueued it: kUnvouched, or 0.
void set_unvouched(int64 job_id, int16 bit);

/// Deletes a job that has ended; false when it is not there.
bool delete_finished(int64 job_id, Place place);

}  // namespace foreman::store
