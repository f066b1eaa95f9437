// What a process of this server has used, as the system tells: for gauges. Linux only; elsewhere nothing is
// told.
#pragma once

#include "pg/prelude.hpp"

namespace foreman::pg {

struct ProcessUsage {
    double cpu_seconds;    // user and system, since its start
    int64 resident_bytes;  // memory of its own: shared memory is left out
};

// false when there is no such process, or the system does not tell. cost: two small files, about 20 us
bool process_usage(int pid, ProcessUsage* out) noexcept;

// Whether this process of the server waits, in a commit, for a synchronous standby.
bool waits_for_standby(int pid);

}  // namespace foreman::pg
