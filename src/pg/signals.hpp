// Signals of background workers. They start with signals blocked and SIGTERM = "exit with FATAL at the next
// check" (bgworker_die); a worker sets its handlers, unblocks, then connects to its database. We use the
// server's handlers:
//   SIGHUP   SignalHandlerForConfigReload: sets ConfigReloadPending and the latch; reload_config() acts on it
//   SIGINT   StatementCancelHandler: the running statement ends with 57014 at its next check_interrupts
//   SIGTERM  die: the process ends with FATAL 57P01 at its next check_interrupts, or, graceful,
//            SignalHandlerForShutdownRequest: sets ShutdownRequestPending and the latch, and the loop decides
// FATAL ends the process without unwinding C++: what other processes can see is released in
// before_shmem_exit. pqsignal is a function up to 17 and a macro from 18 on, which is why it is not called
// through call<>.
#pragma once

#include "pg/call.hpp"

namespace foreman::pg {

enum class OnTerminate { die, request_shutdown };

// First thing in a worker's main: handlers as above, then signals unblocked.
inline void accept_signals(OnTerminate on_terminate) {
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGINT, StatementCancelHandler);
    pqsignal(SIGTERM, on_terminate == OnTerminate::die ? die : SignalHandlerForShutdownRequest);
    BackgroundWorkerUnblockSignals();
}

// Each turn of a loop: rereads the configuration if the postmaster said so; true if it did.
inline bool reload_config() {
    if (!ConfigReloadPending) return false;
    ConfigReloadPending = false;
    call<&ProcessConfigFile>(PGC_SIGHUP);
    return true;
}

}  // namespace foreman::pg
