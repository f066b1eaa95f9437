// Background workers, shared memory and settings: what needs shared_preload_libraries.
#include "pg/guc.hpp"
#include "pg/latch.hpp"
#include "pg/launch.hpp"
#include "pg/lock.hpp"
#include "pg/shmem.hpp"
#include "pg/signals.hpp"
#include "probe.hpp"

namespace foreman::bridge {
namespace {

struct Board {
    std::int64_t visits;
};

constinit Board* board = nullptr;
constinit LWLockPadded* board_locks = nullptr;
constinit int setting = 0;

constinit pg::Statement note{"note", "INSERT INTO bridge.note (body) VALUES ($1)", {TEXTOID}};
constinit pg::Statement twice{"twice", "INSERT INTO bridge.deferred (body) VALUES ($1), ($1)", {TEXTOID}};
constinit pg::Statement fail{"fail", "SELECT 1 / (length($1) - length($1))", {TEXTOID}};

void init_board(void* area, bool found, LWLockPadded* locks) {
    board = static_cast<Board*>(area);
    board_locks = locks;
    if (!found) board->visits = 0;
}

void write_note(std::string_view body, pg::Statement& statement = note) {
    pg::SpiSession session;
    pg::Args<1> args;
    statement.execute(args.text(1, body));
}

// Errors in transactions of its own, then the exception that its mode asks for.
void worker_main(std::string_view mode) {
    pg::accept_signals(pg::OnTerminate::die);
    pg::call<&BackgroundWorkerInitializeConnection>(MyBgworkerEntry->bgw_extra,
                                                    static_cast<const char*>(nullptr), uint32{0});
    // It writes nothing: how far it comes before it is terminated depends on the machine.
    if (mode == "wait") {
        for (;;) pg::wait_latch(pg::kForever, PG_WAIT_EXTENSION);
    }
    const MemoryContext context = CurrentMemoryContext;
    {
        pg::Transaction transaction;
        write_note("committed");
        transaction.commit();
    }
    for (int i = 0; i < 3; ++i) {
        try {
            pg::Transaction transaction;
            write_note("never committed");
            write_note("fails", fail);
            transaction.commit();
        } catch (const pg::PgError& error) {
            pg::Transaction transaction;
            write_note(error.sqlstate_text());
            transaction.commit();
        }
    }
    // Fails in the commit itself.
    try {
        pg::Transaction transaction;
        write_note("never committed");
        write_note("twice", twice);
        transaction.commit();
    } catch (const pg::PgError& error) {
        pg::Transaction transaction;
        write_note(error.constraint());
        transaction.commit();
    }
    {
        pg::Transaction forgotten;
        write_note("forgotten");
    }
    const bool same_context = CurrentMemoryContext == context;
    pg::Transaction transaction;
    write_note(same_context && XactIsoLevel == XACT_READ_COMMITTED && !XactReadOnly
                   ? "context and mode are right"
                   : "context or mode is wrong");
    transaction.commit();
    if (mode == "failure") throw pg::Failure(ERRCODE_INTERNAL_ERROR, "a worker fails");
    if (mode == "unknown") throw 42;
}

}  // namespace

extern "C" FOREMAN_EXPORT void foreman_bridge_worker_main(Datum argument) {
    static constexpr std::string_view kModes[] = {"end", "failure", "unknown", "wait"};
    pg::run_guarded([](void* mode) { worker_main(*static_cast<const std::string_view*>(mode)); },
                    const_cast<std::string_view*>(&kModes[DatumGetInt32(argument)]));
}

// start_worker(mode): runs it to its end; 'stopped'. Mode 3 waits until it is terminated.
FOREMAN_FUNCTION(bridge_start_worker) {
    char extra[BGW_EXTRALEN] = {};
    std::snprintf(extra, sizeof extra, "%s", pg::call<&get_database_name>(Oid{MyDatabaseId}));
    const Datum mode = pg::argument(fcinfo, 0);
    const auto worker = pg::start_worker({.library = "foreman_bridge",
                                          .function = "foreman_bridge_worker_main",
                                          .name = "bridge worker",
                                          .type = "bridge",
                                          .argument = mode,
                                          .notify = MyProcPid,
                                          .extra = extra,
                                          .extra_bytes = sizeof extra});
    if (!worker) return pg::text_datum("no slot");
    pid_t pid = 0;
    while (worker->status(&pid) == BGWH_NOT_YET_STARTED)
        pg::wait_latch(core::milliseconds(100), PG_WAIT_EXTENSION);
    if (DatumGetInt32(mode) == 3) worker->terminate();
    while (worker->status() != BGWH_STOPPED) pg::wait_latch(core::milliseconds(100), PG_WAIT_EXTENSION);
    return pg::text_datum("stopped");
}

// visit(): counts in shared memory.
FOREMAN_FUNCTION(bridge_visit) {
    if (board == nullptr) throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "not preloaded");
    pg::LwLockGuard guard(&board_locks[1].lock, LW_EXCLUSIVE);
    return Int64GetDatum(++board->visits);
}

FOREMAN_FUNCTION(bridge_request_too_late) {
    pg::request({"bridge late", [] { return std::size_t{8}; }, 1, &init_board});
    return pg::return_null(fcinfo);
}

static void init_module(void*) {
    pg::define_int({"foreman_bridge.setting", "A number.", PGC_USERSET}, &setting, 7, 1, 10);
    pg::reserve_prefix("foreman_bridge");
    if (process_shared_preload_libraries_in_progress)
        pg::request({"bridge board", [] { return sizeof(Board); }, 2, &init_board});
}

extern "C" FOREMAN_EXPORT void _PG_init(void);
void _PG_init(void) { pg::run_guarded(&init_module, nullptr); }

}  // namespace foreman::bridge
