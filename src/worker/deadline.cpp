// See deadline.hpp. The timer's callback runs in a signal handler: it reads the clock, sets the server's own
// interrupt flags and re-arms itself, as StatementTimeoutHandler and its like in postinit.c do.
#include "worker/deadline.hpp"

#include "pg/call.hpp"
#include "pg/latch.hpp"

namespace foreman::worker {

namespace {

constexpr int kRepeatMs = 100;
constexpr int64 kShutdownGraceUs = 250000;  // from the interrupt at the end of a shutdown's grace

constinit TimeoutId g_timer = MAX_TIMEOUTS;
constinit volatile sig_atomic_t g_active = 0;
constinit volatile sig_atomic_t g_fired = 0;
constinit volatile sig_atomic_t g_died = 0;
constinit volatile int64 g_started = 0;
constinit volatile int64 g_timeout_at = PG_INT64_MAX;
constinit volatile int64 g_overrun_at = PG_INT64_MAX;
constinit volatile int64 g_die_at = PG_INT64_MAX;
constinit volatile int64 g_limit_at = PG_INT64_MAX;  // of this process: it is to end
constinit int64 g_grace = 0;

int64 earliest() noexcept {
    const int64 timeout = g_timeout_at;
    const int64 overrun = g_overrun_at;
    return timeout < overrun ? timeout : overrun;
}

void arm_at(int64 at, int64 now) noexcept {
    const int64 ms = (at - now) / 1000 + 1;
    enable_timeout_after(g_timer, static_cast<int>(std::clamp<int64>(ms, 1, PG_INT32_MAX / 2)));
}

void interrupt_handler(int64 now, Fired why) noexcept {
    if (g_fired == 0) {
        g_fired = static_cast<sig_atomic_t>(why);
        // Only its neighbours want a job out that overran: its session does not end for that.
        g_die_at = why == Fired::overrun ? PG_INT64_MAX : now + g_grace;
    }
    InterruptPending = 1;
    if (now >= g_die_at) {
        g_died = 1;
        ProcDiePending = 1;
    }
    QueryCancelPending = 1;
    SetLatch(MyLatch);
    enable_timeout_after(g_timer, kRepeatMs);
}

extern "C" void foreman_deadline_passed(void) {
    if (g_active == 0) return;
    const int64 now = GetCurrentTimestamp();
    if (now >= g_timeout_at) {
        interrupt_handler(now, Fired::timeout);
    } else if (now >= g_overrun_at) {
        interrupt_handler(now, Fired::overrun);
    } else {
        arm_at(earliest(), now);
    }
}

}  // namespace

void begin_deadline(core::Instant now, core::Micros timeout, core::Micros overrun,
                    core::Micros grace) noexcept {
    // Also for a handler without limits: limit_deadline() may set one while it runs.
    g_fired = 0;
    g_started = now.us;
    g_grace = grace.us;
    g_timeout_at = timeout == pg::kForever ? PG_INT64_MAX : core::saturating_add(now.us, timeout.us);
    g_overrun_at = overrun == pg::kForever ? PG_INT64_MAX : core::saturating_add(now.us, overrun.us);
    // A limit that was set just before this handler began holds for it as well. Looked at after the stores
    // above: a signal in between finds its own limit overwritten, or is seen here.
    if (g_limit_at != PG_INT64_MAX) {
        limit_deadline(core::Instant{g_limit_at});
        return;
    }
    if (timeout == pg::kForever && overrun == pg::kForever) return;
    if (g_timer == MAX_TIMEOUTS) g_timer = RegisterTimeout(USER_TIMEOUT, foreman_deadline_passed);
    g_active = 1;
    const int64 first = earliest();
    // A timer left from an earlier job of the group fires too early and re-arms itself: that saves this call.
    if (!get_timeout_active(g_timer) || get_timeout_finish_time(g_timer) > first) arm_at(first, now.us);
}

Fired end_deadline() noexcept {
    if (g_active == 0) return Fired::nothing;
    g_active = 0;
    const auto fired = static_cast<Fired>(g_fired);
    if (fired != Fired::nothing) {
        disable_timeout(g_timer, false);
        QueryCancelPending = 0;
    }
    g_fired = 0;
    return fired;
}

bool ended_by_deadline() noexcept { return g_died != 0; }

void limit_deadline(core::Instant until) noexcept {
    if (g_timer == MAX_TIMEOUTS) g_timer = RegisterTimeout(USER_TIMEOUT, foreman_deadline_passed);
    g_limit_at = until.us;
    g_timeout_at = std::min(int64{g_timeout_at}, until.us);
    g_grace = std::min(int64{g_grace}, kShutdownGraceUs);
    g_active = 1;
    arm_at(g_timeout_at, GetCurrentTimestamp());
}

}  // namespace foreman::worker
