// See access.hpp. The cache holds the grants that apply to one user, the last one that asked.
#include "store/definitions/access.hpp"

#include <algorithm>

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"
#include "pg/xact.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/definitions.hpp"

namespace foreman::store {

namespace {

struct Grant {
    uint8 bundle;
    bool all_queues;
    uint16 len;
    char queue[256];
};

constinit MemoryContext g_context = nullptr;
constinit Grant* g_grants = nullptr;
constinit int g_count = 0;
constinit Oid g_user = InvalidOid;
constinit uint64 g_generation = 0;
constinit bool g_everything = false;

constinit pg::Statement g_read{"role_grants",
                               "SELECT bundle, role::pg_catalog.oid, queue FROM foreman.role_grant"};

uint8 bundle_bit(std::string_view name) noexcept {
    if (name == "producer") return static_cast<uint8>(Bundle::producer);
    if (name == "worker") return static_cast<uint8>(Bundle::worker);
    if (name == "operator") return static_cast<uint8>(Bundle::operate);
    if (name == "monitor") return static_cast<uint8>(Bundle::monitor);
    return 0;
}

void load_grants(Oid user) {
    const AsOwner scope;
    const pg::LatestSnapshot latest;
    const pg::Rows rows = g_read.execute(true);
    auto* grants = static_cast<Grant*>(pg::allocate(sizeof(Grant) * (rows.size() + 1), g_context));
    int n = 0;
    for (const pg::Row row : rows) {
        if (!pg::call<&has_privs_of_role>(user, row.oid(2))) continue;
        Grant& g = grants[n++];
        g.bundle = bundle_bit(row.view(1));
        g.all_queues = row.is_null(3);
        const std::string_view queue = g.all_queues ? std::string_view{} : row.view(3);
        g.len = static_cast<uint16>(std::min<std::size_t>(queue.size(), sizeof(g.queue)));
        queue.copy(g.queue, g.len);
    }
    g_grants = grants;
    g_count = n;
}

void refresh(Oid user) {
    const Schema& s = schema();
    const uint64 generation = grant_generation();
    if (user == g_user && generation == g_generation) return;
    g_user = InvalidOid;
    if (g_context == nullptr) {
        pg::guarded([] {
            g_context = AllocSetContextCreate(CacheMemoryContext, "foreman grants", ALLOCSET_SMALL_SIZES);
        });
    }
    MemoryContextReset(g_context);
    g_count = 0;
    g_everything = pg::call<&superuser_arg>(user) || pg::call<&has_privs_of_role>(user, s.owner);
    if (!g_everything) load_grants(user);
    g_user = user;
    g_generation = generation;
}

// Of the role that was refreshed last.
bool holds(Bundle bundle, std::string_view queue) noexcept {
    return g_everything || std::any_of(g_grants, g_grants + g_count, [=](const Grant& g) {
               return g.bundle == static_cast<uint8>(bundle) &&
                      (g.all_queues || std::string_view(g.queue, g.len) == queue);
           });
}

bool holds_all(Bundle bundle) noexcept {
    return g_everything || std::any_of(g_grants, g_grants + g_count, [=](const Grant& g) {
               return g.bundle == static_cast<uint8>(bundle) && g.all_queues;
           });
}

bool role_is_there(Oid role) {
    return pg::guarded([role] { return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role)); });
}

}  // namespace

bool may(Bundle bundle, std::string_view queue) {
    refresh(GetUserId());
    return holds(bundle, queue);
}

bool may_feed(Oid role, std::string_view queue) {
    if (!role_is_there(role)) return false;
    refresh(role);
    return holds(Bundle::producer, queue) || holds(Bundle::operate, queue);
}

bool vouches(Oid role, std::string_view kind, std::string_view queue) {
    const Handler& handler = find_handler(kind, queue);
    if (handler.exists) return handler.queue_name() == queue || may_feed(role, handler.queue_name());
    if (!role_is_there(role)) return false;
    refresh(role);
    return holds_all(Bundle::producer) || holds_all(Bundle::operate);
}

bool may_see(std::string_view queue) {
    return may(Bundle::monitor, queue) || may(Bundle::operate, queue) || may(Bundle::worker, queue) ||
           may(Bundle::producer, queue);
}

bool sees_all() {
    return may_all(Bundle::monitor) || may_all(Bundle::operate) || may_all(Bundle::worker) ||
           may_all(Bundle::producer);
}

void seen_queues(pg::vector<Datum>* names) {
    refresh(GetUserId());
    for (int i = 0; i < g_count; i++) {
        const Grant& g = g_grants[i];
        if (!g.all_queues) names->push_back(pg::text_datum({g.queue, g.len}));
    }
}

bool may_see_args(std::string_view queue) {
    return may(Bundle::operate, queue) || may(Bundle::worker, queue) || may(Bundle::producer, queue);
}

bool may_all(Bundle bundle) {
    refresh(GetUserId());
    return holds_all(bundle);
}

void granted_queues(Bundle bundle, pg::vector<std::string_view>* out) {
    refresh(GetUserId());
    for (int i = 0; i < g_count; i++) {
        const Grant& g = g_grants[i];
        const std::string_view queue(g.queue, g.len);
        if (g.bundle != static_cast<uint8>(bundle) || g.all_queues) continue;
        if (std::find(out->begin(), out->end(), queue) == out->end()) out->push_back(queue);
    }
}

void require(Bundle bundle, std::string_view queue) {
    if (may(bundle, queue)) return;
    throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied for queue \"%.*s\"",
                      static_cast<int>(queue.size()), queue.data())
        .hint("An operator can give it: SELECT foreman.grant_role('%s', 'your_role', '%.*s').",
              bundle_name(bundle), static_cast<int>(queue.size()), queue.data());
}

void require_all(Bundle bundle) {
    if (may_all(bundle)) return;
    throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE,
                      "permission denied: this needs bundle \"%s\" on all queues", bundle_name(bundle))
        .hint("An operator can give it: SELECT foreman.grant_role('%s', 'your_role').", bundle_name(bundle));
}

const char* bundle_name(Bundle bundle) noexcept {
    switch (bundle) {
        case Bundle::producer:
            return "producer";
        case Bundle::worker:
            return "worker";
        case Bundle::operate:
            return "operator";
        case Bundle::monitor:
            return "monitor";
    }
    return "";
}

Bundle parse_bundle(std::string_view name) {
    const uint8 bit = bundle_bit(name);
    if (bit == 0) {
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "bundle \"%.*s\" does not exist",
                          static_cast<int>(std::min<std::size_t>(name.size(), 64)), name.data())
            .hint("Allowed are producer, worker, operator and monitor.");
    }
    return static_cast<Bundle>(bit);
}

}  // namespace foreman::store
