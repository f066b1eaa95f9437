// The server's statement_timeout and transaction_timeout for what our own processes run: its main loop arms
// the first for statements of clients only, and its transactions the second for all of ours. Invariant:
// outside of these objects neither is armed in a process of ours, and no interrupt of theirs is pending.
#pragma once

#include "pg/prelude.hpp"

namespace foreman::pg {

constexpr int kSessionTimeout = -1;

/// Interrupts (57014) what runs while it lives once statement_timeout is over, and ends the session (25P04)
/// when that takes longer than a transaction may (from 17 on): our own statements in the transaction do not
/// count. ours: false where a client's statement called us, whose timers go on. statement_ms: how long, or
/// kSessionTimeout.
class HandlerTimers {
  public:
    HandlerTimers(bool ours, int statement_ms);
    HandlerTimers(const HandlerTimers&) = delete;
    HandlerTimers& operator=(const HandlerTimers&) = delete;
    ~HandlerTimers();

  private:
    const bool ours_;
};

/// For code between a setjmp and its longjmp: the first goes on with a timer that runs, and may ereport.
void arm_statement_timer(int statement_ms);
void disarm_statement_timer() noexcept;
/// Whether somebody's timer runs.
bool is_statement_timed() noexcept;

/// For processes that run nothing but our own statements: no limit that is set for the server, the database
/// or the role holds here.
void lift_session_limits();

}  // namespace foreman::pg
