// Signals of our workers. SIGTERM tells by its sender what it means: the postmaster shuts down (a running
// handler may go on for foreman.shutdown_grace), the process itself (a handler ended its own session: its
// fault), anybody else (end now, nobody's fault). SIGINT interrupts the running handler; SIGHUP reloads the
// configuration.
#pragma once

#include "board/slots.hpp"
#include "pg/prelude.hpp"

namespace foreman::worker {

/// Installs the handlers and unblocks signals; first thing in a worker. cancellable: whether it runs
/// handlers; others heed SIGINT from themselves only.
void install_signal_handlers(bool cancellable);
/// Marks this process a bystander in the flight recorder when the postmaster tells of a crash elsewhere. For
/// executors, which have a slot, and the launcher.
void record_crashes_elsewhere();
/// Whose fault the end of this process is, for a job in its hands.
board::Death cause_of_death() noexcept;
/// Reads the configuration again when SIGHUP came; acts on pending interrupts.
void attend();

}  // namespace foreman::worker
