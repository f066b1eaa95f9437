// Blocked jobs: whether one became runnable is decided here, after the commit that may have made it so, with
// a fresh snapshot. Called by the dispatcher for the hints on the board, and by dispatch_once() for all rows.
// Invariant: only this changes state b to w, so a job is let go once; nothing here waits for a lock that a
// user's transaction or an executor holds.
#pragma once

#include "core/time.hpp"
#include "pg/prelude.hpp"

namespace foreman::store {

/// What one pass did, and whether something that it wanted was locked, so that it has to look again soon.
struct BlockedPass {
    int64 released = 0;
    bool again = false;
};

/// Looks at what the board's hints name.
BlockedPass release_hinted(core::Instant now);
/// Looks at every blocked job and open batch: at a start, after COMMIT PREPARED, and now and then.
BlockedPass release_all(core::Instant now);

}  // namespace foreman::store
