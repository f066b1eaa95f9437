// See interrupts.hpp. The handler for SIGTERM is our own because only siginfo tells the sender.
#include "worker/interrupts.hpp"

#include <unistd.h>

#include <csignal>

#include "board/databases.hpp"
#include "board/flight_recorder.hpp"
#include "board/my_slot.hpp"
#include "board/settings.hpp"
#include "engine/deadline.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/latch.hpp"

namespace foreman::worker {

namespace {

constinit volatile sig_atomic_t g_own_signal = 0;
constinit volatile sig_atomic_t g_dispatcher_signal = 0;
constinit volatile sig_atomic_t g_outside_signal = 0;

// One of us wants this process to go, for stop() or for a command that needs the database empty; whoever does
// says so on the board first. Touches shared memory only.
bool is_asked_to_leave() noexcept {
    if (!board::board_present()) return false;
    if (board::ExecutorSlot* slot = board::my_slot()) return pg_atomic_read_u32(&slot->leave) >= 2;
    return MyDatabaseId != InvalidOid && board::is_held(MyDatabaseId);
}

// Whose cancel the handler did not heed. Touches shared memory only.
bool is_dispatcher(int pid) noexcept {
    if (!board::board_present() || MyDatabaseId == InvalidOid) return false;
    const board::DatabaseSlot* slot = board::database_slot(MyDatabaseId);
    return slot != nullptr && slot->pid == pid;
}

// It interrupts what runs at `until` of the steady clock and ends the process soon after, should that not
// help.
void shut_down(core::Instant until) noexcept {
    ShutdownRequestPending = 1;
    engine::limit_deadline(until);
    SetLatch(MyLatch);
}

extern "C" void foreman_terminated(int signo, siginfo_t* info, void*) {
    if (MyProcPid != static_cast<int>(getpid())) _exit(1);  // a child of system() that has not yet exec'd
    const int saved_errno = errno;
    if (info->si_pid == PostmasterPid) {
        shut_down(pg::steady_now() + core::milliseconds(settings::shutdown_grace_ms));
    } else if (info->si_pid != MyProcPid && is_asked_to_leave()) {
        shut_down(pg::steady_now());
    } else {
        if (info->si_pid == MyProcPid) {
            g_own_signal = 1;
        } else if (is_dispatcher(info->si_pid)) {
            g_dispatcher_signal = 1;
        } else {
            g_outside_signal = 1;
        }
        die(signo);
    }
    errno = saved_errno;
}

// The postmaster says that some process crashed. Whoever hears it was not the one; SIGABRT of its own is a
// crash of its own.
extern "C" void foreman_crash_elsewhere(int signo, siginfo_t* info, void*) {
    if (info->si_pid == PostmasterPid) {
        if (board::my_slot_number() >= 0) {
            board::record_bystander(board::my_slot_number());
        } else {
            board::record_launcher_signalled();
        }
    }
    if (signo == SIGABRT) {
        // Blocked while its handler runs: it would only be pending when the process exits below, without a
        // core.
        std::signal(SIGABRT, SIG_DFL);
        sigset_t aborts;
        sigemptyset(&aborts);
        sigaddset(&aborts, SIGABRT);
        pthread_sigmask(SIG_UNBLOCK, &aborts, nullptr);
        std::raise(SIGABRT);
    }
    SignalHandlerForCrashExit(signo);
}

// The server's lock_timeout ends a wait by sending this to its own process.
extern "C" void foreman_own_interrupt(int signo, siginfo_t* info, void*) {
    if (info->si_pid == MyProcPid) StatementCancelHandler(signo);
}

}  // namespace

void record_crashes_elsewhere() {
    if (!board::open_recorder()) {
        pg::log(
            LOG,
            pg::Failure(
                ERRCODE_IO_ERROR,
                "pg_foreman cannot open its flight recorder: jobs that crash the server are not recognised"));
        return;
    }
    struct sigaction action {};
    action.sa_sigaction = foreman_crash_elsewhere;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGQUIT, &action, nullptr);
    sigaction(SIGABRT, &action, nullptr);
}

void install_signal_handlers(bool cancellable) {
    engine::prepare_deadline();
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    struct sigaction action {};
    if (cancellable) {
        pqsignal(SIGINT, StatementCancelHandler);
    } else {
        action.sa_sigaction = foreman_own_interrupt;
        action.sa_flags = SA_SIGINFO | SA_RESTART;
        sigemptyset(&action.sa_mask);
        sigaction(SIGINT, &action, nullptr);
    }
    action.sa_sigaction = foreman_terminated;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, nullptr);
    BackgroundWorkerUnblockSignals();
}

board::Death cause_of_death() noexcept {
    if (engine::ended_by_deadline() && !ShutdownRequestPending) return board::Death::own_fault;
    if (g_own_signal) return board::Death::own_fault;
    if (g_dispatcher_signal || ShutdownRequestPending || !PostmasterIsAlive())
        return board::Death::interrupted;
    if (g_outside_signal) return board::Death::terminated;
    return board::Death::own_fault;  // a FATAL that the handler brought about
}

void attend() {
    if (ConfigReloadPending) {
        ConfigReloadPending = 0;
        pg::call<&ProcessConfigFile>(PGC_SIGHUP);
    }
    pg::check_interrupts();
}

}  // namespace foreman::worker
