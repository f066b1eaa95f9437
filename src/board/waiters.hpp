// Sessions that wait in await() for the end of a job, or in wait_for_job() for work. Whoever's commit ends a
// job or makes work wakes them. Invariant: a session has at most one place in the table, and gives it back.
#pragma once

#include <span>
#include <string_view>

#include "board/board.hpp"

namespace foreman::board {

bool add_waiter(Oid database, int64 job_id) noexcept;  ///< false: foreman.max_waiters are waiting already
/// A waiter for work in any of these queues; at most kMaxWaitedQueues.
bool add_queue_waiter(Oid database, std::span<const std::string_view> queues) noexcept;
/// Before each look of a session in wait_for_job(): what wakes it from here on is news.
void rearm_waiter() noexcept;
/// Gives the place back. A wake-up for a job that this session did not look for any more goes on to another
/// one that waits for one of the same queues.
void remove_waiter() noexcept;
/// Wakes sessions that wait for work in the queue, one for each job, the next ones each time.
void wake_waiters_of_queue(Oid database, std::string_view queue, int64 jobs) noexcept;
/// All of them, where one event may have let go of many jobs.
void wake_waiters_of_queue(Oid database, std::string_view queue) noexcept;
bool anybody_waits() noexcept;
/// Wakes the sessions that wait for the end of any of these jobs.
void wake_waiters(Oid database, std::span<const int64> job_ids) noexcept;

}  // namespace foreman::board
