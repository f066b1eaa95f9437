// See stray_rights.hpp. One reading of the access lists serves both: what the script takes away when it makes
// an object, and what health() finds later. pg_init_privs keeps what the script gave.
#include "store/definitions/stray_rights.hpp"

#include <array>
#include <iterator>

#include "pg/call.hpp"
#include "pg/command.hpp"
#include "pg/memory.hpp"
#include "pg/spi.hpp"
#include "pg/xact.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/bundle_rights.hpp"

namespace foreman::store {

namespace {

#define CLASS_OID(name) "'pg_catalog." name "'::pg_catalog.regclass::pg_catalog.oid"

// Whatever has an access list: the members of the extensions $1, and the partitions, which are no members.
// what and name are as GRANT spells them; full is what the owner has by default.
#define OBJECTS \
    "WITH member AS (SELECT d.classid, d.objid FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e "  \
    "ON e.oid " EQ " d.refobjid WHERE d.refclassid " EQ " " CLASS_OID("pg_extension") " AND d.deptype " EQ     \
    " 'e' AND e.extname " EQ " ANY ($1) UNION SELECT " CLASS_OID("pg_class") ", i.inhrelid FROM "              \
    "pg_catalog.pg_inherits i WHERE i.inhparent " EQ                                                         \
    " pg_catalog.to_regclass('foreman.job_history')), object AS (SELECT m.classid, m.objid, 'TABLE' AS "     \
    "what, c.oid::pg_catalog.regclass::pg_catalog.text AS name, c.relowner AS owner, "                       \
    "COALESCE(c.relacl, k.acl) AS acl, k.acl AS full FROM member m JOIN pg_catalog.pg_class c ON m.objid " EQ \
    " c.oid CROSS JOIN LATERAL (SELECT pg_catalog.acldefault((CASE WHEN c.relkind " EQ " 'S' THEN 's' ELSE 'r' " \
    "END)::pg_catalog.\"char\", c.relowner) AS acl) k WHERE m.classid " EQ " " CLASS_OID("pg_class")           \
    " AND c.relkind " EQ " ANY ('{r,p,v,S}'::pg_catalog.\"char\"[]) UNION ALL SELECT m.classid, m.objid, "   \
    "'ROUTINE', p.oid::pg_catalog.regprocedure::pg_catalog.text, p.proowner, COALESCE(p.proacl, k.acl), "    \
    "k.acl FROM member m JOIN pg_catalog.pg_proc p ON m.objid " EQ                                           \
    " p.oid CROSS JOIN LATERAL (SELECT pg_catalog.acldefault('f', p.proowner) AS acl) k WHERE m.classid " EQ \
    " " CLASS_OID("pg_proc") " UNION ALL SELECT m.classid, m.objid, 'TYPE', "                                  \
    "t.oid::pg_catalog.regtype::pg_catalog.text, t.typowner, COALESCE(t.typacl, k.acl), k.acl FROM member "  \
    "m JOIN pg_catalog.pg_type t ON m.objid " EQ                                                             \
    " t.oid AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray " EQ " t.oid) AND (t.typrelid " EQ " 0 OR EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid " EQ " t.typrelid AND c.relkind " EQ                         \
    " 'c')) CROSS JOIN LATERAL (SELECT pg_catalog.acldefault('T', t.typowner) AS acl) k WHERE m.classid " EQ   \
    " " CLASS_OID("pg_type") " UNION ALL SELECT m.classid, m.objid, 'SCHEMA', "                                \
    "pg_catalog.quote_ident(n.nspname), n.nspowner, COALESCE(n.nspacl, k.acl), k.acl FROM member m JOIN "    \
    "pg_catalog.pg_namespace n ON m.objid " EQ                                                               \
    " n.oid CROSS JOIN LATERAL (SELECT pg_catalog.acldefault('n', n.nspowner) AS acl) k WHERE m.classid " EQ \
    " " CLASS_OID("pg_namespace") ") "

constexpr const char* kRevokeDefaults = OBJECTS
    "SELECT DISTINCT pg_catalog.format('REVOKE ALL ON %s %s FROM %s', o.what, o.name, CASE WHEN a.grantee " EQ
    " 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END) FROM object o "
    "CROSS JOIN LATERAL pg_catalog.aclexplode(o.acl) a WHERE a.grantee " NE
    " o.owner UNION ALL SELECT DISTINCT pg_catalog.format('GRANT ALL ON %s %s TO %s', o.what, o.name, "
    "pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(o.owner))) FROM object o CROSS JOIN LATERAL "
    "pg_catalog.aclexplode(o.full) f WHERE f.grantee " EQ
    " o.owner AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(o.acl) a WHERE a.grantee " EQ
    " o.owner AND a.privilege_type " EQ " f.privilege_type)";

// $2 to $5 are the rights of the bundles: bundle, right, catalogue and objects.
constinit pg::Statement g_stray{
    "stray_rights",
    OBJECTS
    ", held AS (SELECT o.classid, o.objid, 0 AS column_number, o.owner, a.grantee, a.privilege_type, "
    "a.is_grantable FROM object o CROSS JOIN LATERAL pg_catalog.aclexplode(o.acl) a UNION ALL SELECT "
    "o.classid, o.objid, t.attnum, o.owner, a.grantee, a.privilege_type, a.is_grantable FROM object o JOIN "
    "pg_catalog.pg_attribute t ON o.classid " EQ " " CLASS_OID(
        "pg_class") " AND t.attrelid " EQ
                    " o.objid CROSS JOIN LATERAL pg_catalog.aclexplode(t.attacl) a), given AS (SELECT "
                    "b.catalog::pg_catalog.regclass::pg_catalog.oid AS classid, g.role::pg_catalog.oid AS "
                    "grantee, "
                    "pg_catalog.split_part(b.privilege, ' ', 1) AS privilege_type, w.name FROM ROWS FROM "
                    "(pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), "
                    "pg_catalog.unnest($5)) AS "
                    "b(bundle, privilege, catalog, objects) JOIN foreman.role_grant g ON g.bundle " EQ
                    " b.bundle CROSS JOIN LATERAL "
                    "pg_catalog.regexp_split_to_table(pg_catalog.regexp_replace(b.objects, "
                    "'[(][^)]*[)]', '', 'g'), ', ') AS w(name)), "
                    // OFFSET 0: each object is identified once.
                    "named AS (SELECT h.*, i.identity, pg_catalog.regexp_replace(i.identity, '[(].*', '') AS "
                    "name FROM held h "
                    "LEFT JOIN pg_catalog.pg_roles r ON r.oid " EQ
                    " h.grantee CROSS JOIN LATERAL pg_catalog.pg_identify_object(h.classid, h.objid, "
                    "h.column_number) i WHERE "
                    "h.grantee " NE
                    " h.owner AND r.rolsuper IS NOT TRUE OFFSET 0), stray AS (SELECT n.identity, n.name, "
                    "n.privilege_type, CASE WHEN n.grantee " EQ
                    " 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(n.grantee)::pg_catalog.text END AS "
                    "role FROM named n "
                    // The subquery is read once, into a hash table.
                    "WHERE (n.is_grantable OR NOT ((n.classid, n.grantee, n.privilege_type, n.name) " EQ
                    " ANY (SELECT g.classid, g.grantee, g.privilege_type, g.name FROM given g))) AND NOT "
                    "(n.identity " EQ " 'cron' AND n.privilege_type " EQ
                    " 'USAGE') AND NOT (n.privilege_type " EQ
                    " 'EXECUTE' AND pg_catalog.starts_with(n.identity, 'cron.')) AND NOT EXISTS (SELECT FROM "
                    "pg_catalog.pg_init_privs p CROSS JOIN LATERAL pg_catalog.aclexplode(p.initprivs) a "
                    "WHERE p.classoid " EQ " n.classid AND p.objoid " EQ " n.objid AND p.objsubid " EQ
                    " n.column_number AND a.grantee " EQ " n.grantee AND a.privilege_type " EQ
                    " n.privilege_type AND a.is_grantable " GE
                    " n.is_grantable)) SELECT pg_catalog.count(*) OVER (), pg_catalog.format('%s has %s on "
                    "%s', s.role, "
                    "s.privilege_type, s.name) FROM stray s ORDER BY s.identity, s.role, s.privilege_type "
                    "LIMIT 1",
    {TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID}};

void run_all(const pg::Rows& commands) {
    for (const pg::Row row : commands) pg::run_utility(pg::copy_text(row.view(1)));
}

Datum texts(std::span<const Datum> values) { return pg::array_datum(pg::kText, values); }

// One member of every right, as an array.
template <class Member>
Datum column_of(Member member) {
    std::array<Datum, std::size(kBundleRights)> values;
    for (std::size_t i = 0; i < values.size(); i++) values[i] = pg::text_datum(kBundleRights[i].*member);
    return texts(values);
}

}  // namespace

void revoke_default_rights(std::string_view extension) {
    const pg::SpiSession spi;
    pg::Statement list("revoke_default_rights", kRevokeDefaults, {TEXTARRAYOID});
    {
        const Datum names[] = {pg::text_datum(extension)};
        pg::Args<1> a;
        a.set(1, texts(names));
        run_all(list.execute(a));
    }
    list.forget();
}

StrayRights stray_rights() {
    MemoryContext caller = CurrentMemoryContext;
    const AsOwner scope;
    scope.allow_any_plan();
    const Datum extensions[] = {pg::text_datum("pg_foreman"), pg::text_datum("pg_foreman_cron")};
    pg::Args<5> a;
    a.set(1, texts(extensions)).set(2, column_of(&BundleRight::bundle));
    a.set(3, column_of(&BundleRight::right)).set(4, column_of(&BundleRight::catalog));
    a.set(5, column_of(&BundleRight::objects));
    const pg::Rows rows = g_stray.execute(a, true);
    if (rows.empty()) return {0, ""};
    return {rows[0].i64(1), pg::copy_text(rows[0].view(2), caller)};
}

}  // namespace foreman::store
