// Starting background workers.
#include "pg/launch.hpp"

#include "pg/compat.hpp"
#include "pg/memory.hpp"

namespace foreman::pg {
namespace {

BackgroundWorker to_background_worker(const WorkerSpec& spec) {
    BackgroundWorker worker{};
    // The sizes of these fields differ between versions.
    std::snprintf(worker.bgw_name, sizeof worker.bgw_name, "%s", spec.name);
    std::snprintf(worker.bgw_type, sizeof worker.bgw_type, "%s", spec.type);
    std::snprintf(worker.bgw_library_name, sizeof worker.bgw_library_name, "%s", spec.library);
    std::snprintf(worker.bgw_function_name, sizeof worker.bgw_function_name, "%s", spec.function);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | (spec.database ? BGWORKER_BACKEND_DATABASE_CONNECTION : 0);
    worker.bgw_start_time = spec.start;
    worker.bgw_restart_time = spec.restart_seconds;
    worker.bgw_main_arg = spec.argument;
    worker.bgw_notify_pid = spec.notify;
    if (spec.extra_bytes > sizeof worker.bgw_extra) {
        throw Failure(ERRCODE_INTERNAL_ERROR, "a background worker takes %zu extra bytes, not %zu",
                      sizeof worker.bgw_extra, spec.extra_bytes);
    }
    if (spec.extra_bytes > 0) std::memcpy(worker.bgw_extra, spec.extra, spec.extra_bytes);
    return worker;
}

}  // namespace

BgwHandleStatus WorkerHandle::status(pid_t* pid) const {
    pid_t unused = 0;
    return call<&GetBackgroundWorkerPid>(handle_, pid == nullptr ? &unused : pid);
}

void WorkerHandle::terminate() const { call<&TerminateBackgroundWorker>(handle_); }

// The checks of InitializeSessionUserId and CheckMyDatabase, beforehand.
SessionBar session_bar(Oid role, bool superusers_may) {
    return guarded([role, superusers_may] {
        HeapTuple tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
        if (!HeapTupleIsValid(tuple)) return SessionBar::no_such_role;
        const bool login = reinterpret_cast<Form_pg_authid>(GETSTRUCT(tuple))->rolcanlogin;
        ReleaseSysCache(tuple);
        if (!login && !compat::kNologinRolesCanConnect) return SessionBar::no_login;
        if (superuser_arg(role)) return superusers_may ? SessionBar::none : SessionBar::superuser;
        const bool connect = compat::database_aclcheck(MyDatabaseId, role, ACL_CONNECT) == ACLCHECK_OK;
        return connect ? SessionBar::none : SessionBar::no_connect;
    });
}

void register_worker(const WorkerSpec& spec) {
    BackgroundWorker worker = to_background_worker(spec);
    call<&RegisterBackgroundWorker>(&worker);
}

std::optional<WorkerHandle> start_worker(const WorkerSpec& spec) {
    BackgroundWorker worker = to_background_worker(spec);
    const CurrentScope scope(TopMemoryContext);
    BackgroundWorkerHandle* handle = nullptr;
    if (!call<&RegisterDynamicBackgroundWorker>(&worker, &handle)) return std::nullopt;
    return WorkerHandle(handle);
}

}  // namespace foreman::pg
