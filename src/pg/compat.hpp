// Every difference between the server versions that we build on (15, 17, 18), and nothing else.
// Included by prelude.hpp, after the server's headers. Nobody else tests PG_VERSION_NUM.
#pragma once

#if PG_VERSION_NUM < 150000
#error "pg_foreman needs PostgreSQL 15 or newer"
#endif

// Before 16 PGDLLEXPORT is empty and, with -fvisibility=hidden, exports nothing; from 16 on it is this
// attribute (commit 089480c07705). One spelling of our own serves all versions.
#define FOREMAN_EXPORT __attribute__((visibility("default")))

// Declared here with its visibility, because PG_MODULE_MAGIC's own declaration has none before 16.
extern "C" FOREMAN_EXPORT const Pg_magic_struct* Pg_magic_func(void);

// 18 lets a module tell its name and version, shown by pg_get_loaded_modules() (commit 9324c8c58065).
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

// 17: extensions name their wait events (commit c9af054653077); before, all of them show as "Extension".
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

// 16: object_aclcheck replaces the family pg_proc_aclcheck etc. (commit c727f511bd7b). May ereport.
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

inline bool function_ownercheck(Oid function, Oid role) {
#if PG_VERSION_NUM >= 160000
    return object_ownercheck(ProcedureRelationId, function, role);
#else
    return pg_proc_ownercheck(function, role);
#endif
}

// 16: "can SET ROLE to" is a question of its own (commit 3d14e171e9e2); before, membership answers it. May
// ereport.
inline bool can_set_role(Oid member, Oid role) {
#if PG_VERSION_NUM >= 160000
    return member_can_set_role(member, role);
#else
    return is_member_of_role(member, role);
#endif
}

// 17: a background worker may connect as a role without LOGIN (commit e7689190b3d58).
#ifdef BGWORKER_BYPASS_ROLELOGINCHECK
inline constexpr uint32 kBypassRoleLoginCheck = BGWORKER_BYPASS_ROLELOGINCHECK;
inline constexpr bool kNologinRolesCanConnect = true;
#else
inline constexpr uint32 kBypassRoleLoginCheck = 0;
inline constexpr bool kNologinRolesCanConnect = false;
#endif

}  // namespace foreman::pg::compat
