// See elsewhere.hpp.
#include "engine/elsewhere.hpp"

#include <csignal>

#include "board/eviction.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/encoding.hpp"
#include "pg/latch.hpp"
#include "pg/launch.hpp"
#include "pg/memory.hpp"
#include "pg/xact.hpp"

namespace foreman::engine {

namespace {

constexpr core::Micros kLook = core::milliseconds(500);
constexpr core::Micros kSlotPatience = core::seconds(60);

enum State : uint32 { kWaiting, kDone, kFailed };

// Written by the other process until it sets `state`, read by this one afterwards.
struct Shared {
    Oid database, role;
    int32 encoding;         // of the command
    int32 answer_encoding;  // of the error
    pg_atomic_uint32 pid;
    pg_atomic_uint32 state;
    pg::CommandTagText tag;
    pg::Failure error;
    char command[1];  // zero-terminated
};

Shared* shared_in(dsm_segment* segment) { return static_cast<Shared*>(dsm_segment_address(segment)); }

// Also when this process ends without unwinding.
extern "C" void foreman_elsewhere_detached(dsm_segment*, Datum address) {
    auto* shared = reinterpret_cast<Shared*>(DatumGetPointer(address));
    const auto pid = static_cast<pid_t>(pg_atomic_read_u32(&shared->pid));
    if (pid != 0 && pg_atomic_read_u32(&shared->state) == kWaiting) kill(pid, SIGTERM);
}

// The segment of one run.
class Segment {
  public:
    explicit Segment(const char* command) {
        const std::size_t bytes = sizeof(Shared) + std::strlen(command);
        segment_ = pg::call<&dsm_create>(bytes, 0);
        shared_ = shared_in(segment_);
        std::memset(static_cast<void*>(shared_), 0, sizeof(Shared));
        pg_atomic_init_u32(&shared_->pid, 0);
        pg_atomic_init_u32(&shared_->state, kWaiting);
        std::strcpy(shared_->command, command);
        pg::guarded(
            [this] { on_dsm_detach(segment_, foreman_elsewhere_detached, PointerGetDatum(shared_)); });
    }
    Segment(const Segment&) = delete;
    Segment& operator=(const Segment&) = delete;
    ~Segment() {
        pg::must_succeed("leaving the segment of a command", [this] { dsm_detach(segment_); });
    }
    Shared& operator*() const noexcept { return *shared_; }
    Shared* operator->() const noexcept { return shared_; }
    dsm_handle handle() const noexcept { return dsm_segment_handle(segment_); }

  private:
    dsm_segment* segment_;
    Shared* shared_;
};

pg::WorkerHandle start(const Segment& segment) {
    pg::WorkerSpec spec{};
    spec.library = "pg_foreman";
    spec.function = "foreman_elsewhere_main";
    spec.name = board::kCommandProcess;
    spec.type = board::kCommandProcess;
    spec.argument = UInt32GetDatum(segment.handle());
    spec.restart_seconds = BGW_NEVER_RESTART;
    spec.notify = MyProcPid;
    const uint32 event = pg::wait_event("ForemanElsewhereStart");
    const core::Instant patience = pg::steady_now() + kSlotPatience;
    for (;;) {
        std::optional<pg::WorkerHandle> handle = pg::start_worker(spec);
        if (handle) return std::move(*handle);
        if (pg::steady_now() >= patience) {
            throw pg::Failure(ERRCODE_INSUFFICIENT_RESOURCES, "could not start background process")
                .hint("Raise max_worker_processes.");
        }
        pg::wait_latch(kLook, event);
    }
}

Oid database_named(const char* name) {
    pg::Transaction tx;
    const Oid database = pg::call<&get_database_oid>(name, true);
    tx.commit();
    if (database == InvalidOid)
        throw pg::Failure(ERRCODE_UNDEFINED_DATABASE, "database \"%s\" does not exist", name);
    return database;
}

pg::Failure error_in_our_encoding(const Shared& shared) {
    const pg::Failure& e = shared.error;
    const pg::Context memory("foreman error elsewhere");
    pg::Transaction tx(memory.get());
    const auto shown = [&shared](const char* text) {
        return pg::shown_from_encoding(text, shared.answer_encoding);
    };
    pg::Failure ours(e.sqlstate(), "%s", shown(e.message()));
    ours.detail("%s", shown(e.detail())).hint("%s", shown(e.hint()));
    tx.commit();
    return ours;
}

void keep_error(Shared* shared, int sqlstate, const char* message, const char* detail, const char* hint) {
    shared->answer_encoding = pg::database_encoding();
    shared->error = pg::Failure(sqlstate, "%s", message).detail("%s", detail).hint("%s", hint);
}

}  // namespace

void run_elsewhere(const store::ScheduledCommand& command, pg::CommandTagText* tag) {
    const Oid database = database_named(command.database);
    const Segment segment(command.text);
    segment->database = database;
    segment->role = GetSessionUserId();
    segment->encoding = pg::database_encoding();
    const pg::WorkerHandle handle = start(segment);
    const uint32 event = pg::wait_event("ForemanElsewhere");
    try {
        while (pg_atomic_read_u32(&segment->state) == kWaiting && handle.status() != BGWH_STOPPED)
            pg::wait_latch(kLook, event);
    } catch (...) {
        handle.terminate();  // one that has not begun yet, too
        throw;
    }
    pg_read_barrier();
    switch (pg_atomic_read_u32(&segment->state)) {
        case kDone:
            *tag = segment->tag;
            return;
        case kFailed:
            throw error_in_our_encoding(*segment);
        default:
            throw pg::Failure(ERRCODE_ADMIN_SHUTDOWN,
                              "the session in database \"%s\" ended before its command", command.database)
                .hint("The server log says why.");
    }
}

void elsewhere_main(dsm_handle segment_handle) {
    pqsignal(SIGTERM, die);
    pqsignal(SIGINT, StatementCancelHandler);
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    BackgroundWorkerUnblockSignals();
    dsm_segment* segment = pg::call<&dsm_attach>(segment_handle);
    if (segment == nullptr) return;  // the executor has gone
    Shared* shared = shared_in(segment);
    pg_atomic_write_u32(&shared->pid, static_cast<uint32>(MyProcPid));
    const Oid database = shared->database;
    const Oid role = shared->role;
    pg::guarded([database, role] {
        BackgroundWorkerInitializeConnectionByOid(database, role, pg::compat::kBypassRoleLoginCheck);
    });
    pg::guarded([] { process_session_preload_libraries(); });
    const pg::Context memory("foreman command elsewhere");
    uint32 state = kDone;
    try {
        const char* text = nullptr;
        {
            pg::Transaction tx(memory.get());
            text = pg::copy_text(pg::from_encoding(shared->command, shared->encoding));
            tx.commit();
        }
        pg::guarded([text] { pgstat_report_activity(STATE_RUNNING, text); });
        pg::run_command(text, &shared->tag);
    } catch (const pg::PgError& e) {
        state = kFailed;
        keep_error(shared, e.sqlstate(), e.message(), e.detail(), e.hint());
    } catch (const pg::Failure& f) {
        state = kFailed;
        keep_error(shared, f.sqlstate(), f.message(), f.detail(), f.hint());
    }
    pg_write_barrier();
    pg_atomic_write_u32(&shared->state, state);
    // The end of this process wakes the executor.
}

}  // namespace foreman::engine
