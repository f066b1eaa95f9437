// The settings of queues that decide claims, from their rows to the board. Whoever writes a row of
// foreman.queue calls tell_queue_settings() in the same transaction; the dispatcher loads all of them at its
// start, before it starts an executor, and when it was poked. Invariant: once both the commit of a change and
// its callback are through, no claim goes by older settings.
#pragma once

#include <span>
#include <string_view>

#include "pg/prelude.hpp"

namespace foreman::store {

/// does: reads the queue's row as this transaction left it, for the board at its commit.
void tell_queue_settings(std::string_view queue);
/// does: gives the board what is committed now.  returns: false when commits kept coming in between: try
/// again
bool load_queue_settings();
/// For claims of sessions, which may come before the dispatcher: loads unless that was done since the server
/// started.  cost: one read of the board
void ensure_queue_settings();

/// does: pauses or resumes a queue from the commit on; pausing declares it.
/// returns: false when it was so before
bool set_queue_paused(std::string_view queue, bool paused);

/// does: gives settings of a queue their defaults again; whoever calls goes on with update_queue(), which
/// tells others. errors: 22023 for a name that is no setting
void reset_queue_settings(std::string_view queue, std::span<const std::string_view> names);

}  // namespace foreman::store
