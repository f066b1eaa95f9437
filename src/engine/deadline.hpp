// The timer of the running handler: job timeouts, and the overrun limit of jobs that share a transaction.
// One signal timer per process, armed once per group where it can: a handler that ends in time costs no
// system call. It goes by the steady clock: a handler has its time whatever becomes of the other one.
// Invariant: outside begin()/end() no interrupt of ours is pending.
#pragma once

#include "core/time.hpp"
#include "pg/prelude.hpp"

namespace foreman::engine {

enum class Fired { nothing, timeout, overrun };

// What rang while a handler ran. A handler may catch the error that an interrupt raises, or turn it into
// another one, and a program that it waits for may fail first: so its own answer says nothing about it.
struct Rang {
    Fired fired = Fired::nothing;
    int64 meant_for = 0;  // the job that another process wanted to interrupt; 0: none
    bool felt = false;    // the interrupt was served: one that is still pending at the end was not

    bool anything() const noexcept { return fired != Fired::nothing || meant_for != 0; }
    // A handler that completes all the same, although somebody asked it to stop, has completed.
    bool only_cancels(int64 job_id) const noexcept { return fired == Fired::nothing && meant_for == job_id; }
};

/// Before the first of the calls below, limit_deadline() from a signal handler included.
/// errors: 53000: the system has no timer left
void prepare_deadline();
/// A handler starts. timeout: from now, or kForever. overrun: how long it may take while it shares a
/// transaction, or kForever. When it fires, the handler is interrupted (57014), with the programs that it
/// started, again every 100 ms, and after `grace` its session ends.
void begin_deadline(core::Micros timeout, core::Micros overrun, core::Micros grace) noexcept;
/// It ended.
Rang end_deadline() noexcept;
/// Whether this process is ending because a handler did not heed its interrupt.
bool ended_by_deadline() noexcept;
/// The handler that runs is to be interrupted at `until` of the steady clock (shutdown).
void limit_deadline(core::Instant until) noexcept;

}  // namespace foreman::engine
