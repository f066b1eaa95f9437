// Every difference between the server versions that we build on (15, 17, 18), and nothing else.
// Included by prelude.hpp, after the server's headers. Nobody else tests PG_VERSION_NUM.
#pragma once

#if PG_VERSION_NUM < 150000
#error "pg_foreman needs PostgreSQL 15 or newer"
#endif

// Before 16 PGDLLEXPORT is empty and, with -fvisibility=hidden, exports nothing; from 16 on it is this
// attribute (commit 089480c07). One spelling of our own serves all versions.
#define FOREMAN_EXPORT __attribute__((visibility("default")))

// Declared here with its visibility, because PG_MODULE_MAGIC's own declaration has none before 16.
extern "C" FOREMAN_EXPORT const Pg_magic_struct* Pg_magic_func(void);

// 18 lets a module tell its name and version, shown by pg_get_loaded_modules() (commit 9324c8c58).
#ifdef PG_MODULE_MAGIC_EXT
#define FOREMAN_MODULE_MAGIC(module_name, module_version)                \
    extern "C" {                                                         \
    PG_MODULE_MAGIC_EXT(.name = module_name, .version = module_version); \
    }
#else
#define FOREMAN_MODULE_MAGIC(module_name, module_version) \
    extern "C" {                                          \
    PG_MODULE_MAGIC;                                      \
    }
#endif

namespace foreman::pg::compat {

// 17: extensions name their wait events (commit c9af05465); before, all of them show as "Extension".
// Must run after shared memory exists, in any process; cache the result. May ereport: call it through
// pg::call.
inline uint32 wait_event(const char* name) {
#if PG_VERSION_NUM >= 170000
    return WaitEventExtensionNew(name);
#else
    (void)name;
    return PG_WAIT_EXTENSION;
#endif
}

// 16: object_aclcheck replaces the family pg_proc_aclcheck etc. (commit c727f511b). May ereport.
inline AclResult function_aclcheck(Oid function, Oid role, AclMode mode) {
#if PG_VERSION_NUM >= 160000
    return object_aclcheck(ProcedureRelationId, function, role, mode);
#else
    return pg_proc_aclcheck(function, role, mode);
#endif
}

inline AclResult database_aclcheck(Oid database, Oid role, AclMode mode) {
#if PG_VERSION_NUM >= 160000
    return object_aclcheck(DatabaseRelationId, database, role, mode);
#else
    return pg_database_aclcheck(database, role, mode);
#endif
}

inline AclResult schema_aclcheck(Oid schema, Oid role, AclMode mode) {
#if PG_VERSION_NUM >= 160000
    return object_aclcheck(NamespaceRelationId, schema, role, mode);
#else
    return pg_namespace_aclcheck(schema, role, mode);
#endif
}

inline bool database_ownercheck(Oid database, Oid role) {
#if PG_VERSION_NUM >= 160000
    return object_ownercheck(DatabaseRelationId, database, role);
#else
    return pg_database_ownercheck(database, role);
#endif
}

inline bool extension_ownercheck(Oid extension, Oid role) {
#if PG_VERSION_NUM >= 160000
    return object_ownercheck(ExtensionRelationId, extension, role);
#else
    return pg_extension_ownercheck(extension, role);
#endif
}

inline bool function_ownercheck(Oid function, Oid role) {
#if PG_VERSION_NUM >= 160000
    return object_ownercheck(ProcedureRelationId, function, role);
#else
    return pg_proc_ownercheck(function, role);
#endif
}

// 16: "can SET ROLE to" is a question of its own (commit 3d14e171e); before, membership answers it. May
// ereport.
inline bool can_set_role(Oid member, Oid role) {
#if PG_VERSION_NUM >= 160000
    return member_can_set_role(member, role);
#else
    return is_member_of_role(member, role);
#endif
}

// 17: a background worker may connect as a role without LOGIN.
#ifdef BGWORKER_BYPASS_ROLELOGINCHECK
inline constexpr uint32 kBypassRoleLoginCheck = BGWORKER_BYPASS_ROLELOGINCHECK;
inline constexpr bool kNologinRolesCanConnect = true;
#else
inline constexpr uint32 kBypassRoleLoginCheck = 0;
inline constexpr bool kNologinRolesCanConnect = false;
#endif

// 16: what a check hook hands on as `extra` is allocated by guc_malloc and freed by guc_free; before, by
// malloc and free. nullptr when there is no memory.
inline void* guc_extra(std::size_t bytes) {
#if PG_VERSION_NUM >= 160000
    return guc_malloc(LOG, bytes);
#else
    return std::malloc(bytes);
#endif
}

// 16: DecodeDateTime has one more argument, for errors.
inline int decode_datetime(char** fields, int* types, int n, int* kind, struct pg_tm* tm, fsec_t* fraction,
                           int* zone) {
#if PG_VERSION_NUM >= 160000
    DateTimeErrorExtra extra;
    return DecodeDateTime(fields, types, n, kind, tm, fraction, zone, &extra);
#else
    return DecodeDateTime(fields, types, n, kind, tm, fraction, zone);
#endif
}

// 18: PortalRun lost its argument run_once. May ereport.
inline void portal_run(Portal portal, DestReceiver* receiver, QueryCompletion* completion) {
#if PG_VERSION_NUM >= 180000
    PortalRun(portal, FETCH_ALL, true, receiver, receiver, completion);
#else
    PortalRun(portal, FETCH_ALL, true, true, receiver, receiver, completion);
#endif
}

// 16: the lists of a process's locks are dlists. Looks only at this process's own
// locks; advisory ones are never taken on the fast path. May ereport.
inline bool holds_advisory_lock() {
    for (int i = 0; i < NUM_LOCK_PARTITIONS; i++) {
        LWLock* partition = LockHashPartitionLockByIndex(i);
        bool held = false;
#if PG_VERSION_NUM >= 160000
        if (dlist_is_empty(&MyProc->myProcLocks[i])) continue;
        LWLockAcquire(partition, LW_SHARED);
        // Not dlist_foreach: its type check is C only.
        const dlist_node* const end = &MyProc->myProcLocks[i].head;
        for (const dlist_node* node = end->next; node != end; node = node->next) {
            const auto* const lock = reinterpret_cast<const PROCLOCK*>(reinterpret_cast<const char*>(node) -
                                                                       offsetof(PROCLOCK, procLink));
            if (lock->tag.myLock->tag.locktag_lockmethodid == USER_LOCKMETHOD) held = true;
        }
#else
        SHM_QUEUE* list = &MyProc->myProcLocks[i];
        if (SHMQueueEmpty(list)) continue;
        LWLockAcquire(partition, LW_SHARED);
        auto* lock = reinterpret_cast<PROCLOCK*>(SHMQueueNext(list, list, offsetof(PROCLOCK, procLink)));
        while (lock != nullptr) {
            if (lock->tag.myLock->tag.locktag_lockmethodid == USER_LOCKMETHOD) held = true;
            lock = reinterpret_cast<PROCLOCK*>(
                SHMQueueNext(list, &lock->procLink, offsetof(PROCLOCK, procLink)));
        }
#endif
        LWLockRelease(partition);
        if (held) return true;
    }
    return false;
}

// 17: StartTransaction() arms transaction_timeout (commit 51efe38cb). May ereport.
inline void resume_transaction_timeout() {
#if PG_VERSION_NUM >= 170000
    if (TransactionTimeout > 0 && !get_timeout_active(TRANSACTION_TIMEOUT))
        enable_timeout_after(TRANSACTION_TIMEOUT, TransactionTimeout);
#endif
}

inline void suspend_transaction_timeout() noexcept {
#if PG_VERSION_NUM >= 170000
    if (get_timeout_active(TRANSACTION_TIMEOUT)) disable_timeout(TRANSACTION_TIMEOUT, false);
    TransactionTimeoutPending = 0;
#endif
}

// 17: the number of a process's transaction is part of its virtual transaction id.
inline LocalTransactionId local_transaction() noexcept {
#if PG_VERSION_NUM >= 170000
    return MyProc->vxid.lxid;
#else
    return MyProc->lxid;
#endif
}

// 18: a scan may count for EXPLAIN. May ereport.
inline IndexScanDesc index_beginscan(Relation table, Relation index, Snapshot snapshot, int keys) {
#if PG_VERSION_NUM >= 180000
    return ::index_beginscan(table, index, snapshot, nullptr, keys, 0);
#else
    return ::index_beginscan(table, index, snapshot, keys, 0);
#endif
}

// 16: an update may concern summarizing indexes only. May ereport.
inline void insert_index_tuples(ResultRelInfo* into, TupleTableSlot* slot, EState* state) {
#if PG_VERSION_NUM >= 160000
    list_free(ExecInsertIndexTuples(into, slot, state, false, false, nullptr, NIL, false));
#else
    list_free(ExecInsertIndexTuples(into, slot, state, false, false, nullptr, NIL));
#endif
}

}  // namespace foreman::pg::compat
