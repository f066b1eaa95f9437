// See identity.hpp. A copied row keeps the id of the transaction that inserted the original, but not its
// xmin; frozen rows still show theirs. pg_upgrade copies files and keeps database oids, so an upgraded
// database goes on.
#include "store/commit/identity.hpp"

#include "pg/call.hpp"
#include "pg/spi.hpp"
#include "store/commit/remember.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"

namespace foreman::store {

namespace {

constinit pg::Statement g_read{
    "identity", "SELECT id " EQ " xmin AND database " EQ " $1, stopped FROM foreman.identity", {OIDOID}};
constinit pg::Statement g_delete{"forget_identity", "DELETE FROM foreman.identity"};
constinit pg::Statement g_insert{"write_identity",
                                 "INSERT INTO foreman.identity (id, database, stopped) VALUES ($1, $2, $3)",
                                 {XIDOID, OIDOID, BOOLOID}};

}  // namespace

Permission read_permission() {
    const AsOwner scope;
    pg::Args<1> a;
    a.oid(1, MyDatabaseId);
    const pg::Rows rows = g_read.execute(a);
    Permission p = rows.empty() ? Permission::copied : Permission::runs;
    for (const pg::Row row : rows) {
        if (!row.boolean(1)) return Permission::copied;
        if (row.boolean(2)) p = Permission::stopped;
    }
    return p;
}

void write_identity(bool stopped) {
    const AsOwner scope;
    g_delete.execute();
    // Of the current subtransaction, where there is one: that is what xmin will be.
    const TransactionId id = pg::call<&GetCurrentTransactionId>();
    pg::Args<3> a;
    a.set(1, TransactionIdGetDatum(id)).oid(2, MyDatabaseId).boolean(3, stopped);
    g_insert.execute(a);
    remember_poke(board::kPokeIdentity);
    remember_launcher();
    if (stopped) remember_stop();
}

}  // namespace foreman::store
