// The settings of queues that decide claims, from their rows to the board. Whoever writes a row of
// foreman.queue calls queue_changed() in the same transaction; the dispatcher loads all of them at its
// start, before it starts an executor, and when it was poked. Invariant: once both the commit of a change and
// its callback are through, no claim goes by older settings.
#pragma once

#include <string_view>

#include "board/queue_limits.hpp"

namespace foreman::store {

/// does: tells every process that the queue's row changed, and the board at commit what the row says then.
void queue_changed(std::string_view queue);
/// does: gives the board what is committed now.
/// returns: false when commits kept coming in between: try again
bool load_queue_settings();
/// For claims of sessions, which may come before the dispatcher: loads unless that was done since the server
/// started.
/// cost: one read of the board
void ensure_queue_settings();

/// does: pauses or resumes a queue from the commit on; pausing declares it.
/// returns: false when it was so before
bool set_queue_paused(std::string_view queue, bool paused);

/// Whether anything names the queue: an unfinished job, a handler, a schedule; the default queue always is.
/// cost: a probe of the index of jobs, and a scan of handlers and schedules
bool queue_is_used(std::string_view queue);

}  // namespace foreman::store
