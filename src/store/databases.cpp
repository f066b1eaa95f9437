// See databases.hpp. pg_database is read by a heap scan, since the launcher has no database to run SQL in.
#include "store/databases.hpp"

#include "pg/call.hpp"

namespace foreman::store {

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

bool is_held(Oid database) noexcept {
    const DatabaseSlot* d = database_slot(database);
    return d != nullptr && d->held_by != 0 && kill(d->held_by, 0) == 0;
}

}  // namespace foreman::store
