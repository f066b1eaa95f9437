// Waiting and waking. A process waits on its own latch only; others find it by (procno, pid), never by a
// Latch pointer, which is not valid for long.
#pragma once

#include "core/time.hpp"
#include "pg/call.hpp"

namespace foreman::pg {

// Acts on cancel, terminate, config of procsignals ... if one is pending. Throws PgError on cancel; terminate
// ends the process.
inline void check_interrupts() {
    if (INTERRUPTS_PENDING_CONDITION()) call<&ProcessInterrupts>();
}

enum class Wake { latch, timeout };

inline constexpr core::Micros kForever{std::numeric_limits<std::int64_t>::max()};

// does    waits until this process's latch is set or the time is over (rounded up to ms), resets the latch,
// and
//         checks interrupts; the death of the postmaster ends the process
// errors  as check_interrupts
// The caller looks for work after this, never between its own look and this: a set latch is not lost.
Wake wait_latch(core::Micros timeout, std::uint32_t wait_event);

// Where another process can wake this one.
struct ProcessRef {
    std::int32_t procno;
    std::int32_t pid;
};
ProcessRef this_process() noexcept;

// Wakes the process if it is still that one; false if it is not. A process that ended just now does no harm.
// No locks, no errors: allowed in commit callbacks.
bool set_latch_of(int procno, int pid) noexcept;
inline bool set_latch_of(ProcessRef process) noexcept { return set_latch_of(process.procno, process.pid); }

// The wait event of this name, as pg_stat_activity shows it (17 and newer; "Extension" before). May throw
// PgError.
std::uint32_t wait_event(const char* name);

}  // namespace foreman::pg
