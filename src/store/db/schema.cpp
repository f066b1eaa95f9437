// See schema.hpp. The planner settings are put aside by assignment, not through guc.c: that costs nothing,
// cannot fail, and the scope runs static statements only.
#include "store/db/schema.hpp"

#include "board/my_slot.hpp"
#include "pg/call.hpp"
#include "store/db/release.hpp"

namespace foreman::store {

namespace {

constinit Schema g_schema{};
constinit bool g_valid = false;
constinit bool g_registered = false;
constinit uint64 g_handler_generation = 1;
constinit uint64 g_queue_generation = 1;
constinit uint64 g_job_tables_generation = 1;
constinit uint64 g_grant_generation = 1;
constinit uint64 g_workflow_type_generation = 1;
constinit uint64 g_subscription_generation = 1;
constinit uint64 g_function_generation = 1;
constinit uint64 g_definition_generation = 1;
constinit uint64 g_role_generation = 1;

extern "C" void foreman_relation_changed(Datum, Oid relation) {
    if (!g_valid || relation == InvalidOid || relation == g_schema.handler) g_handler_generation++;
    if (!g_valid || relation == InvalidOid || relation == g_schema.queue) g_queue_generation++;
    if (!g_valid || relation == InvalidOid || relation == g_schema.role_grant) g_grant_generation++;
    if (!g_valid || relation == InvalidOid || relation == g_schema.workflow_type)
        g_workflow_type_generation++;
    if (!g_valid || relation == InvalidOid || relation == g_schema.subscription) g_subscription_generation++;
    if (!g_valid || relation == InvalidOid || relation == g_schema.live_job ||
        relation == g_schema.job_history)
        g_job_tables_generation++;
    if (relation == InvalidOid || relation == g_schema.live_job) g_valid = false;
}

extern "C" void foreman_function_changed(Datum, int, uint32) { g_function_generation++; }

extern "C" void foreman_definition_changed(Datum, int, uint32) { g_definition_generation++; }

extern "C" void foreman_roles_changed(Datum, int, uint32) {
    g_grant_generation++;
    g_role_generation++;
}

void register_callbacks() {
    if (g_registered) return;
    pg::guarded([] {
        CacheRegisterRelcacheCallback(foreman_relation_changed, Datum{0});
        CacheRegisterSyscacheCallback(PROCOID, foreman_function_changed, Datum{0});
        CacheRegisterSyscacheCallback(ATTNUM, foreman_definition_changed, Datum{0});
        CacheRegisterSyscacheCallback(TYPEOID, foreman_definition_changed, Datum{0});
        CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, foreman_roles_changed, Datum{0});
        CacheRegisterSyscacheCallback(AUTHOID, foreman_roles_changed, Datum{0});
    });
    g_registered = true;
}

Oid owner_of(Oid relation) {
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(tuple)) return InvalidOid;
    const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
    ReleaseSysCache(tuple);
    return owner;
}

Oid type_in(Oid schema_oid, const char* name) {
    return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(name),
                           ObjectIdGetDatum(schema_oid));
}

// Cheap enough to do again after any invalidation of ours: a dozen syscache probes.
bool load(Schema* s) {
    const Oid nsp = get_namespace_oid("foreman", true);
    if (nsp == InvalidOid || get_extension_oid(kExtension, true) == InvalidOid) return false;
    s->live_job = get_relname_relid("live_job", nsp);
    s->claim_index = get_relname_relid("live_job_claim", nsp);
    s->job_history = get_relname_relid("job_history", nsp);
    s->handler = get_relname_relid("handler", nsp);
    s->queue = get_relname_relid("queue", nsp);
    s->role_grant = get_relname_relid("role_grant", nsp);
    s->workflow_type = get_relname_relid("workflow_type", nsp);
    s->subscription = get_relname_relid("subscription", nsp);
    s->job_id_sequence = get_relname_relid("job_id_seq", nsp);
    s->workflow_instance_sequence = get_relname_relid("workflow_instance_seq", nsp);
    s->workflow_effect_sequence = get_relname_relid("workflow_effect_seq", nsp);
    s->position_sequence = get_relname_relid("workflow_position_seq", nsp);
    if (s->live_job == InvalidOid || s->handler == InvalidOid || s->queue == InvalidOid ||
        s->role_grant == InvalidOid)
        return false;
    s->owner = owner_of(s->live_job);
    s->job_type = type_in(nsp, "job");
    s->job_outcome_type = type_in(nsp, "job_outcome");
    s->event_type = type_in(nsp, "event");
    s->event_array_type = s->event_type == InvalidOid ? InvalidOid : get_array_type(s->event_type);
    s->job_array_type = s->job_type == InvalidOid ? InvalidOid : get_array_type(s->job_type);
    return s->owner != InvalidOid && s->job_array_type != InvalidOid;
}

}  // namespace

const Schema* find_schema() {
    register_callbacks();
    if (!g_valid) {
        Schema fresh{};
        // Set first: an invalidation that arrives while loading clears it again.
        g_valid = true;
        if (find_misfit() || !pg::guarded([&fresh] { return load(&fresh); })) {
            g_valid = false;
            return nullptr;
        }
        g_schema = fresh;
    }
    return &g_schema;
}

const Schema& schema() {
    const Schema* s = find_schema();
    if (s == nullptr) {
        if (const auto other = find_misfit()) throw misfit_failure(*other);
        throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                          "extension pg_foreman is not installed in this database")
            .hint("Run CREATE EXTENSION pg_foreman.");
    }
    return *s;
}

uint64 handler_generation() noexcept { return g_handler_generation; }
void distrust_handlers() noexcept { g_handler_generation++; }
void distrust_queues() noexcept { g_queue_generation++; }
uint64 queue_generation() noexcept { return g_queue_generation; }
uint64 job_tables_generation() noexcept { return g_job_tables_generation; }
uint64 grant_generation() noexcept { return g_grant_generation; }
uint64 workflow_type_generation() noexcept { return g_workflow_type_generation; }
uint64 subscription_generation() noexcept { return g_subscription_generation; }
uint64 function_generation() noexcept { return g_function_generation; }
uint64 definition_generation() noexcept { return g_definition_generation; }
uint64 role_generation() noexcept { return g_role_generation; }

void announce_change(Oid relation) { pg::call<&CacheInvalidateRelcacheByRelid>(relation); }
void announce_release() { pg::call<&CacheInvalidateRelcacheAll>(); }

LockPatience::LockPatience() noexcept : before_(LockTimeout) {
    if (board::my_slot() != nullptr) LockTimeout = 0;
}

AsOwner::AsOwner() : AsOwner(schema().owner) {}

AsOwner::Planner AsOwner::Planner::current() noexcept {
    return {enable_seqscan, enable_bitmapscan, enable_sort,          enable_hashjoin, enable_mergejoin,
            jit_enabled,    enable_indexscan,  enable_indexonlyscan, enable_tidscan,  enable_nestloop};
}

void AsOwner::Planner::apply() const noexcept {
    enable_seqscan = seqscan;
    enable_bitmapscan = bitmapscan;
    enable_sort = sort;
    enable_hashjoin = hashjoin;
    enable_mergejoin = mergejoin;
    jit_enabled = jit;
    enable_indexscan = indexscan;
    enable_indexonlyscan = indexonlyscan;
    enable_tidscan = tidscan;
    enable_nestloop = nestloop;
}

AsOwner::AsOwner(Oid owner) : run_as_(owner), before_(Planner::current()) {
    Planner{false, false, false, false, false, false, true, true, true, true}.apply();
}

AsOwner::~AsOwner() { before_.apply(); }

void require_primary(const char* function) {
    if (!RecoveryInProgress()) return;
    throw pg::Failure(ERRCODE_READ_ONLY_SQL_TRANSACTION, "cannot execute %s during recovery", function)
        .hint("Call it on the primary server.");
}

void require_writable(const char* function) {
    require_primary(function);
    if (!XactReadOnly) return;
    throw pg::Failure(ERRCODE_READ_ONLY_SQL_TRANSACTION, "cannot execute %s in a read-only transaction",
                      function)
        .hint("Start the transaction with READ WRITE.");
}

}  // namespace foreman::store
