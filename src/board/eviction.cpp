// See eviction.hpp. The hold is the holder's pid in the database's slot of the board.
#include "board/eviction.hpp"

#include <csignal>

#include "board/parts.hpp"
#include "board/slots.hpp"
#include "pg/call.hpp"

namespace foreman::board {

namespace {

constinit bool g_registered = false;
constinit bool g_holds = false;
constinit int32 g_signalled = 0;  // the dispatcher that was asked already

// Only the latest holder is recorded. An earlier one is past this point: it holds the server's own lock on the
// database by now.
void release_holds() noexcept {
    g_holds = false;
    {
        const PartGuard guard(BoardLock::directory, LW_EXCLUSIVE);
        for (DatabaseSlot& d : board().databases) {
            if (d.held_by == MyProcPid) d.held_by = 0;
        }
    }
    poke_launcher();
}

extern "C" void foreman_hold_ends(XactEvent event, void*) {
    if (!g_holds) return;
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
        release_holds();
}

void ask_dispatcher_to_leave(const DatabaseSlot& d) noexcept {
    const int32 pid = d.pid;
    if (pid == 0 || pid == g_signalled) return;
    g_signalled = pid;
    kill(pid, SIGTERM);
}

// Processes that run a command of another database's schedule here, and the clerk, have no place among the
// executors.
int end_helpers(Oid database) noexcept {
    pid_t pids[64];
    int n = 0;
    for (uint32 i = 0; i < ProcGlobal->allProcCount && n < 64; i++) {
        const PGPROC& process = ProcGlobal->allProcs[i];
        if (process.pid != 0 && process.databaseId == database) pids[n++] = process.pid;
    }
    int found = 0;
    for (int i = 0; i < n; i++) {
        const char* type = GetBackgroundWorkerTypeByPid(pids[i]);
        if (type == nullptr) continue;
        if (std::strcmp(type, kCommandProcess) != 0 && std::strcmp(type, kClerkProcess) != 0) continue;
        kill(pids[i], SIGTERM);
        found++;
    }
    return found;
}

}  // namespace

bool hold_database(Oid database) {
    if (!board_present() || database == InvalidOid) return false;
    if (!g_registered) {
        pg::guarded([] { RegisterXactCallback(foreman_hold_ends, nullptr); });
        g_registered = true;
    }
    {
        const PartGuard guard(BoardLock::directory, LW_EXCLUSIVE);
        DatabaseSlot* d = database_slot(database);
        if (d == nullptr) return false;
        d->held_by = MyProcPid;
        g_holds = true;
    }
    g_signalled = 0;
    workers_left(database);
    return true;
}

int workers_left(Oid database) noexcept {
    const int helpers = end_helpers(database);
    int left = ask_to_leave(database, 2);
    if (const DatabaseSlot* d = database_slot(database); d != nullptr && d->pid != 0) {
        ask_dispatcher_to_leave(*d);
        left++;
    } else if (left > 0) {
        // Executors that the dispatcher reserved slots for and that will not come: nobody else would free
        // them.
        free_starting_slots(database);
    }
    return left + helpers;
}

}  // namespace foreman::board
