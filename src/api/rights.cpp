// grant_role() and revoke_role(): who may produce, work, operate or watch, for one queue or for all.
//
// needs: bundle operator on the queue; on all queues where none is named.
// errors: 42501; 25006; 42704 for a role or queue that does not exist; 22023 for an unknown bundle.
// cost: one row, and GRANTs on functions and views with a role's first grant of a bundle.
#include "api/absent.hpp"
#include "api/arguments.hpp"
#include "api/public_function.hpp"
#include "pg/error.hpp"
#include "store/access.hpp"
#include "store/definitions.hpp"
#include "store/schema.hpp"

namespace foreman::api {

namespace {

struct Grant {
    std::string_view bundle;
    Oid role;
    OptionalText queue;
};

Grant grant_of(FunctionCallInfo fcinfo) {
    Grant g;
    g.bundle = required_text(pg::optional_argument(fcinfo, 0), "bundle");
    store::parse_bundle(g.bundle);
    g.role = DatumGetObjectId(required(pg::optional_argument(fcinfo, 1), "role"));
    g.queue = optional_name(pg::optional_argument(fcinfo, 2), "queue");
    if (g.queue) {
        store::require(store::Bundle::operate, *g.queue);
    } else {
        store::require_all(store::Bundle::operate);
    }
    return g;
}

void require_role(Oid role) {
    if (pg::guarded([role] { return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role)); })) return;
    throw pg::Failure(ERRCODE_UNDEFINED_OBJECT, "role with OID %u does not exist", role);
}

// A right on an undeclared queue would come to life with whatever queue gets that name one day.
void require_declared(std::string_view queue) {
    if (queue == store::kDefaultQueue || store::find_queue(queue).declared) return;
    throw pg::Failure(ERRCODE_UNDEFINED_OBJECT, "queue \"%.*s\" does not exist",
                      static_cast<int>(queue.size()), queue.data())
        .hint("Declare it first with foreman.create_queue().");
}

}  // namespace

FOREMAN_PUBLIC(grant_role) {
    store::require_writable("foreman.grant_role()");
    const Grant g = grant_of(fcinfo);
    require_role(g.role);
    if (g.queue) require_declared(*g.queue);
    const bool first = !store::has_grants(g.bundle, g.role);
    const bool changed = store::put_grant(g.bundle, g.role, g.queue);
    if (first) store::grant_functions(g.bundle, g.role, true);
    return BoolGetDatum(changed);
}

FOREMAN_PUBLIC(revoke_role) {
    store::require_writable("foreman.revoke_role()");
    const bool silent = wants_silence(fcinfo, 3, "if_exists");
    const Grant g = grant_of(fcinfo);
    const bool changed = store::remove_grant(g.bundle, g.role, g.queue);
    if (!changed)
        return absent("grant of bundle", g.bundle, silent,
                      "The role does not hold this bundle, or holds it for other queues.");
    if (!store::has_grants(g.bundle, g.role)) store::grant_functions(g.bundle, g.role, false);
    return BoolGetDatum(true);
}

}  // namespace foreman::api
