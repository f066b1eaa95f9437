// Shared memory. The hooks are called by C code at start and create no C++ objects, so they may ereport as it
// does.
#include "pg/shmem.hpp"

namespace foreman::pg {
namespace {

constinit SharedArea requested{};
constinit shmem_request_hook_type previous_request_hook = nullptr;
constinit shmem_startup_hook_type previous_startup_hook = nullptr;

extern "C" {

static void foreman_shmem_request() {
    if (previous_request_hook != nullptr) previous_request_hook();
    RequestAddinShmemSpace(MAXALIGN(requested.bytes()));
    if (requested.lwlocks > 0) RequestNamedLWLockTranche(requested.name, requested.lwlocks);
}

static void foreman_shmem_startup() {
    if (previous_startup_hook != nullptr) previous_startup_hook();
    bool found = false;
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    void* const area = ShmemInitStruct(requested.name, requested.bytes(), &found);
    requested.init(area, found, requested.lwlocks > 0 ? GetNamedLWLockTranche(requested.name) : nullptr);
    LWLockRelease(AddinShmemInitLock);
}

}  // extern "C"
}  // namespace

void request(const SharedArea& area) {
    if (!process_shared_preload_libraries_in_progress) {
        throw Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "shared memory is given at server start only")
            .hint("Add the library to shared_preload_libraries.");
    }
    requested = area;
    previous_request_hook = std::exchange(shmem_request_hook, &foreman_shmem_request);
    previous_startup_hook = std::exchange(shmem_startup_hook, &foreman_shmem_startup);
}

}  // namespace foreman::pg
