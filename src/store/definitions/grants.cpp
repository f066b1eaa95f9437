// Who was granted what: rows of role_grant, and the GRANTs of functions and views that go with them.
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/bundle_rights.hpp"
#include "store/definitions/definitions.hpp"

namespace foreman::store {

namespace {

constinit pg::Statement g_put_grant{
    "put_grant",
    "INSERT INTO foreman.role_grant (bundle, role, queue) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    {TEXTOID, OIDOID, TEXTOID}};
constinit pg::Statement g_remove_grant{"remove_grant",
                                       "DELETE FROM foreman.role_grant WHERE bundle " EQ
                                       " $1 AND role::pg_catalog.oid " EQ " $2::pg_catalog.oid AND (queue " EQ
                                       " $3 OR (queue IS NULL AND $3 IS NULL))",
                                       {TEXTOID, OIDOID, TEXTOID}};
constinit pg::Statement g_has_grants{"has_grants",
                                     "SELECT 1 FROM foreman.role_grant WHERE bundle " EQ
                                     " $1 AND role::pg_catalog.oid " EQ " $2::pg_catalog.oid LIMIT 1",
                                     {TEXTOID, OIDOID}};

constinit pg::Statement g_remove_queue_grants{"remove_queue_grants",
                                              "DELETE FROM foreman.role_grant WHERE queue " EQ
                                              " $1 RETURNING bundle, role::pg_catalog.oid",
                                              {TEXTOID}};

void grant_on(const char* what, const char* objects, Oid role, bool grant) {
    const char* sql = pg::guarded([&]() -> const char* {
        const char* name = quote_identifier(GetUserNameFromId(role, false));
        return grant ? psprintf("GRANT %s %s TO %s", what, objects, name)
                     : psprintf("REVOKE %s %s FROM %s", what, objects, name);
    });
    pg::run_once(sql);
}

// Two transactions that change the same access list at once fail with an internal error: one after the other.
// GRANT reads the lists after this lock has let in what the other did.
void lock_access_lists() {
    pg::guarded([] {
        LockDatabaseObject(NamespaceRelationId, get_namespace_oid("foreman", false), 0,
                           ShareUpdateExclusiveLock);
    });
}

bool role_exists(Oid role) {
    return pg::guarded([role] { return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role)); });
}

void grant_bundle(std::string_view bundle, Oid role, bool grant) {
    for (const BundleRight& r : kBundleRights) {
        if (r.bundle == bundle) grant_on(r.right, r.objects, role, grant);
    }
}

// Bundles share some objects: what other bundles of the role need is granted again.
void revoke_bundle(std::string_view bundle, Oid role) {
    grant_bundle(bundle, role, false);
    std::string_view last = bundle;
    for (const BundleRight& r : kBundleRights) {
        if (r.bundle == bundle || r.bundle == last) continue;
        last = r.bundle;
        if (has_grants(last, role)) grant_bundle(last, role, true);
    }
}

}  // namespace

bool put_grant(std::string_view bundle, Oid role, std::optional<std::string_view> queue) {
    const AsOwner scope;
    pg::Args<3> a;
    a.text(1, bundle).oid(2, role);
    if (queue) a.text(3, *queue);
    const bool changed = g_put_grant.execute(a).processed() > 0;
    announce_change(schema().role_grant);
    return changed;
}

bool remove_grant(std::string_view bundle, Oid role, std::optional<std::string_view> queue) {
    const AsOwner scope;
    pg::Args<3> a;
    a.text(1, bundle).oid(2, role);
    if (queue) a.text(3, *queue);
    const bool changed = g_remove_grant.execute(a).processed() > 0;
    announce_change(schema().role_grant);
    return changed;
}

bool has_grants(std::string_view bundle, Oid role) {
    const AsOwner scope;
    pg::Args<2> a;
    a.text(1, bundle).oid(2, role);
    return !g_has_grants.execute(a).empty();
}

void grant_functions(std::string_view bundle, Oid role, bool grant) {
    const AsOwner scope;
    if (role == schema().owner || !role_exists(role)) return;
    lock_access_lists();
    if (!grant) return revoke_bundle(bundle, role);
    grant_bundle(bundle, role, true);
}

void remove_grants_of_queue(std::string_view queue) {
    const AsOwner scope;
    pg::Args<1> a;
    a.text(1, queue);
    const pg::Rows rows = g_remove_queue_grants.execute(a);
    if (rows.empty()) return;
    for (const pg::Row row : rows) {
        if (!has_grants(row.view(1), row.oid(2))) grant_functions(row.view(1), row.oid(2), false);
    }
    announce_change(schema().role_grant);
}

void grant_handler_functions(Oid role) {
    put_grant(kHandlerBundle, role, std::nullopt);
    grant_functions(kHandlerBundle, role, true);
}

}  // namespace foreman::store
