// The columns of foreman.schedule in the order in which copy_schedule() reads them, for the statements of
// store/schedules/schedules.cpp and store/schedules/fire.cpp. The table's alias is s.
#pragma once

#include "store/db/sql_names.hpp"

#define SCHEDULE_COLUMNS                                                                            \
    "s.schedule_id, s.name, s.schedule, s.kind, s.command, s.args, s.queue, s.timezone, s.missed, " \
    "s.overlap, "                                                                                   \
    "s.active, s.priority, s.max_attempts, s.timeout_us, s.run_as::pg_catalog.oid, s.generation, "  \
    "s.anchor_at, "                                                                                 \
    "s.next_fire_at, s.last_fired_at, s.last_scheduled_at, s.buffered_at, s.boot_at, s.caught_up, " \
    "s.skipped, "                                                                                   \
    "s.last_job_id, EXISTS (SELECT 1 FROM foreman.live_job j WHERE j.job_id " EQ " s.last_job_id)"
