// Waiting and waking.
#include "pg/latch.hpp"

namespace foreman::pg {
namespace {

// WaitLatch takes milliseconds up to INT_MAX.
long to_wait_millis(core::Micros timeout) noexcept {
    if (timeout.us <= 0) return 0;
    const std::int64_t millis = timeout.us / 1000 + (timeout.us % 1000 != 0 ? 1 : 0);
    return static_cast<long>(std::min<std::int64_t>(millis, std::numeric_limits<int>::max()));
}

}  // namespace

Wake wait_latch(core::Micros timeout, std::uint32_t wait_event) {
    const bool forever = timeout.us == kForever.us;
    const int events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (forever ? 0 : WL_TIMEOUT);
    const int woken = call<&WaitLatch>(MyLatch, events, forever ? -1L : to_wait_millis(timeout), wait_event);
    if ((woken & WL_LATCH_SET) != 0) ResetLatch(MyLatch);
    check_interrupts();
    return (woken & WL_LATCH_SET) != 0 ? Wake::latch : Wake::timeout;
}

ProcessRef this_process() noexcept {
    return {static_cast<std::int32_t>(MyProc - ProcGlobal->allProcs), MyProcPid};
}

bool set_latch_of(int procno, int pid) noexcept {
    if (pid == 0 || procno < 0 || static_cast<std::uint32_t>(procno) >= ProcGlobal->allProcCount)
        return false;
    PGPROC& process = ProcGlobal->allProcs[procno];
    if (process.pid != pid) return false;
    SetLatch(&process.procLatch);
    return true;
}

std::uint32_t wait_event(const char* name) { return call<&compat::wait_event>(name); }

}  // namespace foreman::pg
