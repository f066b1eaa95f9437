// One area of main shared memory with its LWLocks, asked for by _PG_init while shared_preload_libraries load.
// The hooks of others are chained. The area's content is plain data without pointers: atomics, offsets, fixed
// tables.
#pragma once

#include "pg/call.hpp"

namespace foreman::pg {

struct SharedArea {
    // Names the area and its tranche of LWLocks (shown as wait events); a literal.
    const char* name;
    // Bytes wanted, asked for when MaxBackends is known. May ereport; no C++ objects with destructors.
    std::size_t (*bytes)();
    int lwlocks;
    // Runs in the postmaster at start and after each crash (found is false: initialise it), under
    // AddinShmemInitLock. noexcept, plain data only. Keep the pointers in globals: backends inherit them.
    void (*init)(void* area, bool found, LWLockPadded* locks);
};

// Once. Throws Failure unless called while shared_preload_libraries load.
void request(const SharedArea& area);

}  // namespace foreman::pg
