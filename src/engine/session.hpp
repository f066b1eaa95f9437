// The session of an executor: nothing that a handler left behind may reach the next one. Most of it is
// cleared between transactions. What cannot be cleared, such as plans and variables that were made for
// columns as they were, and settings that have changed, goes with the session: the executor ends, and another
// takes its place.
#pragma once

namespace foreman::engine {

/// Raises 55000 when a job of a shared transaction left something that lives longer than its subtransaction
/// or that its neighbours can feel: temporary objects, SET CONSTRAINTS, advisory locks, held cursors. The
/// group then runs again, one by one.
void refuse_spoiled_session(bool shared);
/// Forgets prepared statements, cursors, temporary objects, session locks, sequence caches; settings and the
/// role too when `settings`.
/// needs: no transaction; runs one of its own where something has to be dropped.
void reset_session(bool settings);

/// Before the session begins, so before it reads the settings of its role and database.
void begin_session() noexcept;
/// A handler is called.
void note_handler() noexcept;
/// Whether none was called yet.
bool is_session_new() noexcept;
/// Whether a handler may have failed, with this SQLSTATE, because of what earlier ones left in the session: a
/// table or type changed since the first of them. Then the session has to end, and the failure is no attempt.
bool is_failure_of_session(int sqlstate) noexcept;
/// No further job is run in this session.
void renew_session() noexcept;
/// Whether the executor should make way for one with a new session before it claims again: it has to, or its
/// definitions or settings are outdated and it is a second old.
bool must_renew_session() noexcept;

}  // namespace foreman::engine
