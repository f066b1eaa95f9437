// grant_role() and revoke_role(): who may produce, work, operate or watch, for one queue or for all;
// reassign_role(): what one role has here becomes another's.
//
// needs: bundle operator on the queue; on all queues where none is named.
// errors: 42501; 25006; 42704 for a role or queue that does not exist; 22023 for an unknown bundle.
// cost: one row, and GRANTs on functions and views with a role's first grant of a bundle.
#include "api/absent.hpp"
#include "api/handle/run_as.hpp"
#include "api/public_function.hpp"
#include "pg/call.hpp"
#include "pg/error.hpp"
#include "pg/memory.hpp"
#include "request/arguments.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"
#include "store/definitions/definitions.hpp"
#include "store/upkeep/roles.hpp"

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

void require_member(Oid role) {
    if (pg::call<&pg::compat::can_set_role>(GetUserId(), role)) return;
    throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied to act for role \"%s\"",
                      pg::guarded([role]() -> const char* { return GetUserNameFromId(role, false); }))
        .hint("Only roles that may SET ROLE to both can give the work of one to the other.");
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

/// What it did, as a jsonb object of counts.
FOREMAN_PUBLIC(reassign_role) {
    store::require_writable("foreman.reassign_role()");
    const std::string_view from = required_text(pg::optional_argument(fcinfo, 0), "from_name");
    const Oid to = DatumGetObjectId(required(pg::optional_argument(fcinfo, 1), "to_role"));
    store::require_all(store::Bundle::operate);
    require_role(to);
    require_member(to);
    if (!store::follow_roles())
        throw pg::Failure(ERRCODE_LOCK_NOT_AVAILABLE, "somebody has locked cron.job")
            .hint("Run it again when the lock is gone.");
    store::Reassigned done = store::reassign_role(store::shown_missing(from), to);
    const char* name = pg::copy_text(from);
    const Oid role = pg::guarded([name] { return get_role_oid(name, true); });
    if (done.all() == 0 && OidIsValid(role) && role != to) {
        require_member(role);
        done = store::reassign_role(from, to);
    }
    if (done.all() == 0) {
        throw pg::Failure(ERRCODE_UNDEFINED_OBJECT, "nothing here belongs to a role \"%s\"", name)
            .hint(
                "foreman.health() names the roles that are missing; those of handlers are in "
                "foreman.handlers.");
    }
    if (done.handlers + done.schedules + done.cron_jobs > 0) check_run_as(ObjectIdGetDatum(to));
    if (done.handlers > 0) store::grant_handler_functions(to);
    const char* counts = pg::guarded([&done]() -> const char* {
        return psprintf("{\"handlers\": " INT64_FORMAT ", \"schedules\": " INT64_FORMAT
                        ", \"cron_jobs\": " INT64_FORMAT ", \"batches\": " INT64_FORMAT
                        ", \"grants\": " INT64_FORMAT "}",
                        done.handlers, done.schedules, done.cron_jobs, done.batches, done.grants);
    });
    return pg::jsonb_from_text(counts);
}

}  // namespace foreman::api
