// Starting background workers of this library.
#pragma once

#include "pg/call.hpp"

namespace foreman::pg {

struct WorkerSpec {
    const char* library;   // "pg_foreman"
    const char* function;  // an exported symbol, void foreman_...(Datum)
    const char* name;      // pg_stat_activity's application_name; cut at BGW_MAXLEN - 1
    const char* type;      // backend_type
    Datum argument = 0;
    bool database = true;  // may connect to a database
    int restart_seconds = BGW_NEVER_RESTART;
    BgWorkerStartTime start = BgWorkerStart_RecoveryFinished;
    pid_t notify = 0;             // gets SIGUSR1 when it starts and ends
    const void* extra = nullptr;  // up to BGW_EXTRALEN bytes, found in MyBgworkerEntry->bgw_extra
    std::size_t extra_bytes = 0;
};

// One that was started. Losing the handle leaves the worker alone.
class WorkerHandle {
  public:
    explicit WorkerHandle(BackgroundWorkerHandle* handle) noexcept : handle_(handle) {}
    WorkerHandle(WorkerHandle&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    WorkerHandle& operator=(WorkerHandle&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    WorkerHandle(const WorkerHandle&) = delete;
    WorkerHandle& operator=(const WorkerHandle&) = delete;
    ~WorkerHandle() {
        if (handle_ != nullptr) pfree(handle_);
    }

    // BGWH_STARTED, BGWH_NOT_YET_STARTED, BGWH_STOPPED; pid is set when started. Takes a lock of the
    // postmaster's.
    BgwHandleStatus status(pid_t* pid = nullptr) const;
    // SIGTERM, and no restart.
    void terminate() const;

  private:
    BackgroundWorkerHandle* handle_;
};

// Why a background worker cannot have a session of a role in this database: the server would refuse it, or the
// role is a superuser where none may be.
enum class SessionBar { none, no_such_role, no_login, no_connect, superuser };
// Needs a transaction.
SessionBar session_bar(Oid role, bool superusers_may = true);

// In _PG_init while shared_preload_libraries load.
void register_worker(const WorkerSpec& spec);
// At run time; nothing when max_worker_processes are in use. The handle is kept in TopMemoryContext.
std::optional<WorkerHandle> start_worker(const WorkerSpec& spec);

}  // namespace foreman::pg
