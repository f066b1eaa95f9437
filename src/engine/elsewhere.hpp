// A command of cron.schedule_in_database() runs in another database: an executor of this one starts a process
// there for the same role, hands it the command in a shared memory segment of their own, and waits. What the
// process says comes back the same way; it knows no table of ours, and the executor writes the run.
// Invariant: the process ends when the executor does, however that happens.
#pragma once

#include "pg/command.hpp"
#include "store/schedules/fire.hpp"

namespace foreman::engine {

/// does: runs the command in the database that it names, as the user of this session.
/// errors: as the command raises, with its SQLSTATE; 3D000; 53000 when the process cannot be had within a
///     minute; 57P01 when it ended
/// needs: no transaction open. An interrupt of this process ends the other.
void run_elsewhere(const store::ScheduledCommand& command, pg::CommandTagText* tag);
/// Main function of the process. segment: of the executor
void elsewhere_main(dsm_handle segment);

}  // namespace foreman::engine
