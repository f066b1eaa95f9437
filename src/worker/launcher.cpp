// See launcher.hpp. It remembers what it learned of each database: a dispatcher that finds no extension ends
// with status 0 and is not started again until something says that this changed.
#include "worker/launcher.hpp"

#include <csignal>

#include "board/databases.hpp"
#include "board/flight_recorder.hpp"
#include "board/settings.hpp"
#include "board/slots.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/latch.hpp"
#include "pg/launch.hpp"
#include "pg/memory.hpp"
#include "pg/server_timeouts.hpp"
#include "pg/xact.hpp"
#include "worker/interrupts.hpp"

namespace foreman::worker {

namespace {

constexpr core::Micros kLook = core::seconds(60);
constexpr core::Micros kRetry = core::milliseconds(500);
constexpr core::Micros kLongestBackoff = core::seconds(60);
constexpr core::Micros kSettled = core::seconds(60);  // one that lived so long failed anew

struct Known {
    Oid database;
    bool probed;  // since the last time that somebody said it may have changed
    core::Instant not_before;
    core::Instant started;
    int failures;
    std::optional<pg::WorkerHandle> handle;  // of its dispatcher while that is thought to run
    bool again = false;  // what the running dispatcher finds may be outdated: look once more after it
};

class Launcher {
  public:
    Launcher() : context_("foreman launcher"), memory_(context_), known_(&memory_) {}
    void loop();

  private:
    void read_databases();
    Known& know(Oid database);
    bool look_after(Known& k, core::Instant now);
    bool start(Known& k, core::Instant now);
    bool reap(core::Instant now);
    void dispatcher_ended(Known& k, core::Instant now);
    void look_again_if_asked(Known& k);

    pg::Context context_;
    pg::ContextResource memory_;
    pg::vector<Known> known_;
    core::Instant next_look_{core::kMinusInfinity};
    bool full_said_ = false;  // more databases than fit on the board
    bool slots_exhausted_said_ = false;
};

Known& Launcher::know(Oid database) {
    for (Known& k : known_) {
        if (k.database == database) return k;
    }
    known_.push_back(
        Known{database, false, core::kMinusInfinity, core::kMinusInfinity, 0, std::nullopt, false});
    return known_.back();
}

// Connectable databases that are no templates; those that went are forgotten, on the board too.
void Launcher::read_databases() {
    pg::Context scratch("foreman databases");
    pg::ContextResource memory(scratch);
    pg::vector<Oid> present(&memory);
    {
        pg::Transaction tx;
        board::list_databases(&present);
        tx.commit();
    }
    for (const Oid database : present) know(database);
    for (std::size_t i = known_.size(); i-- > 0;) {
        if (std::find(present.begin(), present.end(), known_[i].database) != present.end()) continue;
        if (known_[i].handle && known_[i].handle->status() != BGWH_STOPPED) continue;
        board::clear_database(known_[i].database);
        known_.erase(known_.begin() + static_cast<std::ptrdiff_t>(i));
    }
}

bool Launcher::start(Known& k, core::Instant now) {
    char name[64];
    std::snprintf(name, sizeof(name), "pg_foreman dispatcher %u", k.database);
    pg::WorkerSpec spec{};
    spec.library = "pg_foreman";
    spec.function = "foreman_dispatcher_main";
    spec.name = name;
    spec.type = "pg_foreman dispatcher";
    spec.argument = ObjectIdGetDatum(k.database);
    spec.restart_seconds = BGW_NEVER_RESTART;
    spec.notify = MyProcPid;
    board::DatabaseSlot* d = board::add_database_slot(k.database);
    if (d == nullptr) {
        if (!full_said_) {
            pg::log(LOG,
                    pg::Failure(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
                                "pg_foreman cannot run the jobs of database %u: it runs those of %d others",
                                k.database, board::kMaxDatabases)
                        .hint("Drop the extension in a database that needs no jobs."));
        }
        full_said_ = true;
        k.not_before = now + core::seconds(5);
        return false;
    }
    full_said_ = false;
    board::note_exit(k.database, board::DispatcherExit::crashed);
    k.started = now;
    k.again = false;  // who asked before this start is served by it
    k.handle = pg::start_worker(spec);
    if (!k.handle) {
        board::note_exit(k.database, board::DispatcherExit::no_worker_slot);
        if (!slots_exhausted_said_) {
            pg::log(LOG,
                    pg::Failure(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
                                "pg_foreman cannot start a dispatcher: no background worker slot is free")
                        .hint("Raise max_worker_processes."));
        }
        slots_exhausted_said_ = true;
        k.not_before = now + core::seconds(5);
        return false;
    }
    slots_exhausted_said_ = false;
    return true;
}

void Launcher::dispatcher_ended(Known& k, core::Instant now) {
    k.handle.reset();
    look_again_if_asked(k);
    switch (board::read_exit(k.database)) {
        case board::DispatcherExit::no_extension:
            k.probed = !k.again;
            k.failures = 0;
            if (k.probed) board::clear_database(k.database);
            break;
        case board::DispatcherExit::asked_to_leave:
            k.probed = false;
            k.failures = 0;
            k.not_before = now;
            break;
        case board::DispatcherExit::no_worker_slot:
        case board::DispatcherExit::crashed: {
            if (now - k.started > kSettled) k.failures = 0;
            const core::Micros backoff = core::seconds(1) * (int64{1} << std::min(k.failures, 6));
            k.failures++;
            k.not_before = now + std::min(backoff, kLongestBackoff);
            break;
        }
    }
    k.again = false;
}

// Somebody said that the extension, or the right to run, may have come to this database.
void Launcher::look_again_if_asked(Known& k) {
    board::DatabaseSlot* d = board::database_slot(k.database);
    if (d == nullptr || !d->look_again) return;
    d->look_again = false;
    k.probed = false;
    k.again = true;
}

// Whether dispatchers ended: their databases may be gone, or closed.
bool Launcher::reap(core::Instant now) {
    bool any = false;
    for (Known& k : known_) {
        if (!k.handle || k.handle->status() != BGWH_STOPPED) continue;
        dispatcher_ended(k, now);
        any = true;
    }
    return any;
}

// false: it wants another look soon.
bool Launcher::look_after(Known& k, core::Instant now) {
    // Another launcher's dispatcher sets our latch when it ends.
    if (k.handle || k.probed || !settings::enabled || board::is_in_charge(k.database)) return true;
    if (k.not_before > now || board::is_held(k.database)) return false;
    return start(k, now);
}

void Launcher::loop() {
    const uint32 event = pg::wait_event("ForemanLauncherIdle");
    for (;;) {
        attend();
        if (ShutdownRequestPending) return;
        const core::Instant now = pg::steady_now();  // of a clock that nobody sets
        const bool poked = pg_atomic_exchange_u32(&board::board().launcher_poked, 0) != 0;
        if (poked) {
            for (Known& k : known_) look_again_if_asked(k);
        }
        if (reap(now) || poked || now >= next_look_) {
            read_databases();
            next_look_ = now + kLook;
        }
        bool settled = true;
        int probing = 0;
        for (Known& k : known_) {
            // One unknown database at a time: a probe is a process.
            const bool unknown = !k.probed && !board::has_extension(k.database);
            if (unknown && probing > 0) {
                settled = false;
                continue;
            }
            if (!look_after(k, now)) settled = false;
            if (unknown && k.handle) probing++;
        }
        pg::wait_latch(settled ? std::max(core::milliseconds(10), next_look_ - now) : kRetry, event);
    }
}

extern "C" void foreman_launcher_exit(int, Datum) { board::board().launcher_pid = 0; }

}  // namespace

void launcher_main() {
    install_signal_handlers(false);
    pg::guarded([] { BackgroundWorkerInitializeConnection(nullptr, nullptr, 0); });
    pg::lift_session_limits();
    board::board().launcher_procno = pg::this_process().procno;
    board::board().launcher_pid = MyProcPid;
    pg::guarded([] { before_shmem_exit(foreman_launcher_exit, Datum{0}); });
    record_crashes_elsewhere();
    board::Suspect suspects[board::kMaxSlots];
    const int n = board::read_suspects(suspects);
    board::post_suspects({suspects, static_cast<std::size_t>(n)});
    Launcher launcher;
    launcher.loop();
    pg::guarded([] { proc_exit(0); });
}

}  // namespace foreman::worker
