// See deadline.hpp. The timer rings with SIGALRM as the server's own do, so that signal has a handler of ours
// in front of the server's: it reads the steady clock, sets the server's own interrupt flags and winds the
// timer up again, as StatementTimeoutHandler and its like in postinit.c do. The server's timeouts would not
// serve: they ask the clock that somebody may set, and one that is set back by an hour makes them an hour
// longer.
#include "engine/deadline.hpp"

#include <csignal>
#include <ctime>

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/latch.hpp"

namespace foreman::engine {

namespace {

constexpr int64 kRepeatUs = 100000;
constexpr int64 kShutdownGraceUs = 250000;  // from the interrupt at the end of a shutdown's grace
constexpr int64 kByItselfUs = 20000;  // a process that rests has gone by then, with nothing to interrupt
constexpr int64 kSecond = 1000000;

constinit bool g_prepared = false;
constinit timer_t g_timer{};
constinit decltype(SIG_DFL) g_server_handler = nullptr;
constinit volatile int64 g_rings_at = PG_INT64_MAX;  // PG_INT64_MAX: it does not
constinit volatile sig_atomic_t g_active = 0;
constinit volatile sig_atomic_t g_fired = 0;
constinit volatile sig_atomic_t g_felt = 0;  // the interrupt was served, at least once
constinit volatile sig_atomic_t g_died = 0;
// Instants of the steady clock.
constinit volatile int64 g_timeout_at = PG_INT64_MAX;
constinit volatile int64 g_overrun_at = PG_INT64_MAX;
constinit volatile int64 g_die_at = PG_INT64_MAX;
constinit volatile int64 g_limit_at = PG_INT64_MAX;  // of this process: it is to end
constinit int64 g_grace = kShutdownGraceUs;

int64 earliest() noexcept {
    const int64 timeout = g_timeout_at;
    const int64 overrun = g_overrun_at;
    return timeout < overrun ? timeout : overrun;
}

// One that has passed rings at once.
void ring_at(int64 at) noexcept {
    g_rings_at = at;
    itimerspec t{};
    if (at != PG_INT64_MAX) t.it_value = {at / kSecond, at % kSecond * 1000};
    timer_settime(g_timer, TIMER_ABSTIME, &t, nullptr);
}

void interrupt_handler(int64 now, Fired why) noexcept {
    if (g_fired != 0 && QueryCancelPending == 0) g_felt = 1;
    // A program that COPY started is in this process's group, and interrupted as the server's own timeouts do
    // it; the signal comes here, too, before this call returns.
    kill(-MyProcPid, SIGINT);
    // Only its neighbours want a job out that overran: its session does not end for that, but for a timeout
    // that passes while the handler goes on all the same.
    const auto reason = static_cast<sig_atomic_t>(why);
    if (g_fired != reason) {
        g_fired = reason;
        g_die_at = why == Fired::overrun ? PG_INT64_MAX : now + g_grace;
    }
    InterruptPending = 1;
    if (now >= g_die_at) {
        g_died = 1;
        ProcDiePending = 1;
    }
    QueryCancelPending = 1;
    SetLatch(MyLatch);
    ring_at(now + kRepeatUs);
}

void look_at_deadline() noexcept {
    const int64 now = pg::steady_now().us;
    if (now < g_rings_at) return;  // a timeout of the server's
    g_rings_at = PG_INT64_MAX;
    if (g_active == 0) return;
    if (now >= g_timeout_at) {
        interrupt_handler(now, Fired::timeout);
    } else if (now >= g_overrun_at) {
        interrupt_handler(now, Fired::overrun);
    } else {
        ring_at(earliest());
    }
}

// Signals that are alike may become one while they are blocked: whoever rang, both look.
extern "C" void foreman_alarm(int signo) {
    const int saved_errno = errno;
    look_at_deadline();
    errno = saved_errno;
    g_server_handler(signo);
}

}  // namespace

void prepare_deadline() {
    if (g_prepared) return;
    struct sigevent event {};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGALRM;
    if (timer_create(CLOCK_MONOTONIC, &event, &g_timer) != 0)
        throw pg::Failure(ERRCODE_INSUFFICIENT_RESOURCES, "could not create a timer: %s",
                          std::strerror(errno));
    struct sigaction server {};
    sigaction(SIGALRM, nullptr, &server);
    g_server_handler = server.sa_handler;
    struct sigaction ours {};
    ours.sa_handler = foreman_alarm;
    ours.sa_flags = SA_RESTART;
    sigemptyset(&ours.sa_mask);
    sigaction(SIGALRM, &ours, nullptr);
    g_prepared = true;
}

void begin_deadline(core::Micros timeout, core::Micros overrun, core::Micros grace) noexcept {
    const core::Instant now = pg::steady_now();
    // Also for a handler without limits: limit_deadline() may set one while it runs.
    g_fired = 0;
    g_felt = 0;
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
    g_active = 1;
    const int64 first = earliest();
    // A timer left from an earlier job of the group rings too early and is wound up again: that saves this
    // call.
    if (g_rings_at > first) ring_at(first);
}

Rang end_deadline() noexcept {
    if (g_active == 0) return {};
    g_active = 0;
    Rang rang{static_cast<Fired>(g_fired), 0, g_felt != 0};
    if (rang.fired != Fired::nothing) {
        ring_at(PG_INT64_MAX);
        rang.felt = rang.felt || QueryCancelPending == 0;
        QueryCancelPending = 0;
    }
    g_fired = 0;
    // What follows may wait as well, as a commit does for a standby that has gone.
    if (g_limit_at != PG_INT64_MAX) limit_deadline(core::Instant{g_limit_at});
    return rang;
}

bool ended_by_deadline() noexcept { return g_died != 0; }

void limit_deadline(core::Instant until) noexcept {
    g_limit_at = until.us;
    g_timeout_at = std::min(int64{g_timeout_at}, until.us);
    g_grace = std::min(int64{g_grace}, kShutdownGraceUs);
    g_active = 1;
    ring_at(std::max(int64{g_timeout_at}, pg::steady_now().us + kByItselfUs));
}

}  // namespace foreman::engine
