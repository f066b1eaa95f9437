// The session of an executor between transactions: nothing that a handler left behind may reach the next one.
#pragma once

namespace foreman::worker {

/// Raises 55000 when a job of a shared transaction left something that lives longer than its subtransaction
/// or that its neighbours can feel: temporary objects, SET CONSTRAINTS, advisory locks, held cursors. The
/// group then runs again, one by one.
void refuse_spoiled_session(bool shared);
/// Forgets prepared statements, cursors, temporary objects, session locks, sequence caches; settings and the
/// role too when `settings`. needs: no transaction; runs one of its own where something has to be dropped.
void reset_session(bool settings);

}  // namespace foreman::worker
