// Dead letters: jobs that were discarded, timers among them (unique_as as in timers.hpp). Called by
// api/operate/dead_letters.cpp, which checks rights. Invariant: what comes back to life has left its dead
// letter in the same statement (revive() in control.hpp).
#pragma once

#include <optional>
#include <string_view>

#include "store/jobs/jobs.hpp"

namespace foreman::store {

struct DeadLetterFilter {
    std::optional<std::string_view> kind, queue;
    std::optional<core::Instant> since;
    std::optional<int64> before_id;
    int max_rows = 100;
};
/// Newest first; columns as foreman.dead_letters and foreman.timer_dead_letters return them.
pg::Rows read_dead_letters(const DeadLetterFilter& filter);
pg::Rows read_timer_dead_letters(const DeadLetterFilter& filter);
/// Of these four, kind and queue of the filter count.
int64 count_dead(const DeadLetterFilter& filter);
int64 count_dead_timers(const DeadLetterFilter& filter);
/// The oldest first, at most max_rows.
void dead_ids(const DeadLetterFilter& filter, pg::vector<int64>* ids);
int64 purge_dead(const DeadLetterFilter& filter, core::Instant before);
bool is_dead_timer(int64 job_id);

}  // namespace foreman::store
