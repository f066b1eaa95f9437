// See databases.hpp. pg_database is read by a heap scan, since the launcher has no database to run SQL in.
#include "board/databases.hpp"

#include <csignal>

#include "board/parts.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/encoding.hpp"
#include "pg/latch.hpp"

namespace foreman::board {

void list_databases(pg::vector<Oid>* out) {
    Relation relation = pg::call<&table_open>(DatabaseRelationId, AccessShareLock);
    TableScanDesc scan = pg::guarded([relation] { return table_beginscan_catalog(relation, 0, nullptr); });
    for (;;) {
        HeapTuple tuple = pg::call<&heap_getnext>(scan, ForwardScanDirection);
        if (!HeapTupleIsValid(tuple)) break;
        const auto* form = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
        if (form->datallowconn && !form->datistemplate && form->datconnlimit >= -1) out->push_back(form->oid);
    }
    pg::guarded([scan, relation] {
        table_endscan(scan);
        table_close(relation, AccessShareLock);
    });
}

void note_exit(Oid database, DispatcherExit how) noexcept {
    if (DatabaseSlot* d = database_slot(database)) d->exit = static_cast<int32>(how);
}

DispatcherExit read_exit(Oid database) noexcept {
    const DatabaseSlot* d = database_slot(database);
    return d == nullptr ? DispatcherExit::crashed : static_cast<DispatcherExit>(d->exit);
}

bool has_extension(Oid database) noexcept {
    const DatabaseSlot* d = database_slot(database);
    return d != nullptr && d->has_extension;
}

bool take_charge(Oid database) noexcept {
    const PartGuard guard(BoardLock::directory, LW_EXCLUSIVE);
    DatabaseSlot* d = database_slot(database);
    if (d == nullptr || (d->pid != 0 && kill(d->pid, 0) == 0)) return false;
    d->procno = pg::this_process().procno;
    d->pid = MyProcPid;
    d->has_extension = true;
    return true;
}

namespace {
// A lock that was not to be had at once is none to speak of.
constexpr core::Micros kPasses = core::seconds(10);

}  // namespace

void note_failing(const char* duty, const char* error) noexcept {
    const PartGuard guard(BoardLock::directory, LW_EXCLUSIVE);
    DatabaseSlot* d = database_slot(MyDatabaseId);
    if (d == nullptr || d->failing[0] != '\0') return;
    pg::copy_cut(d->failing, duty);
    pg::copy_cut(d->failing_error, error);
    d->failing_since = pg::steady_now().us;
}

void note_recovered(const char* duty) noexcept {
    const PartGuard guard(BoardLock::directory, LW_EXCLUSIVE);
    DatabaseSlot* d = database_slot(MyDatabaseId);
    if (d != nullptr && (duty == nullptr || std::strncmp(d->failing, duty, sizeof(d->failing) - 1) == 0))
        d->failing[0] = '\0';
}

bool read_failing(FailingDuty* out) noexcept {
    const PartGuard guard(BoardLock::directory, LW_SHARED);
    const DatabaseSlot* d = database_slot(MyDatabaseId);
    if (d == nullptr || d->failing[0] == '\0') return false;
    const core::Micros since = pg::steady_now() - core::Instant{d->failing_since};
    if (since < kPasses) return false;
    std::memcpy(out->duty, d->failing, sizeof(out->duty));
    std::memcpy(out->error, d->failing_error, sizeof(out->error));
    out->seconds = since.us / USECS_PER_SEC;
    return true;
}

bool is_in_charge(Oid database) noexcept {
    const DatabaseSlot* d = database_slot(database);
    return d != nullptr && d->pid != 0 && kill(d->pid, 0) == 0;
}

bool is_held(Oid database) noexcept {
    const DatabaseSlot* d = database_slot(database);
    return d != nullptr && d->held_by != 0 && kill(d->held_by, 0) == 0;
}

}  // namespace foreman::board
