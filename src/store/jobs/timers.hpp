// Timers: jobs whose unique key is that of a timer (live_job.unique_as: t = the timer that holds its key, s =
// the one that takes the key over when a firing one has ended). Called by api/produce/timers.cpp, which
// checks rights, and by insert_keyed(). Invariant: of each kind and key there is at most one timer that is to
// fire, and what is firing is never waited for or interrupted.
#pragma once

#include <optional>
#include <string_view>

#include "store/jobs/jobs.hpp"

namespace foreman::store {

struct TimerRow {
    int64 id;
    core::StoredState state;
    TransactionId xmax;
    board::BoardName queue;
    std::string_view queue_name() const noexcept { return {queue.text, queue.len}; }
};
/// does: reads the timers of a key as they are committed now, the next to fire first.
/// returns: 0, 1, or 2 while one is firing and the next one waits for its end
int find_timers(std::string_view kind, std::string_view key, TimerRow (&out)[2]);

/// does: cancels a timer that waits; one that is firing gets a request, so that it does not fire again.
/// returns: false when another transaction of a user had it: it ended, look again
bool cancel_timer(const TimerRow& timer);

/// does: gives a waiting timer all that `job` says, as if it were new, under its id.
/// returns: false when it is locked, firing or gone
bool renew_timer(const NewJob& job, int64 id);
/// A timer that is firing has been set again: it does not fire again.
void outdate_timer(int64 id);

}  // namespace foreman::store
