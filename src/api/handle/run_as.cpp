// See run_as.hpp.
#include "api/handle/run_as.hpp"

#include "board/settings.hpp"
#include "pg/call.hpp"
#include "pg/command.hpp"
#include "pg/error.hpp"
#include "pg/launch.hpp"
#include "pg/memory.hpp"

namespace foreman::api {

namespace {

// How a role stands to sessions, from pg_authid.
struct RoleFacts {
    bool exists;
    bool can_login;
};

RoleFacts read_role(Oid role) {
    return pg::guarded([role] {
        HeapTuple tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
        if (!HeapTupleIsValid(tuple)) return RoleFacts{false, false};
        const RoleFacts facts{true, reinterpret_cast<Form_pg_authid>(GETSTRUCT(tuple))->rolcanlogin};
        ReleaseSysCache(tuple);
        return facts;
    });
}

// An executor is a session of the role: whether the server lets it have one is found out now.
void check_session(Oid role, const char* name) {
    if (pg::session_bar(role, settings::superuser_handlers) == pg::SessionBar::superuser) {
        throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE,
                          "role \"%s\" cannot run handlers: it is a superuser", name)
            .detail("Work as superusers is disallowed when foreman.superuser_handlers is set to off.")
            .hint("Use another role as run_as.");
    }
    if (!pg::compat::kNologinRolesCanConnect && !read_role(role).can_login) {
        throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                          "role \"%s\" cannot run handlers: it is not permitted to log in", name)
            .hint(
                "Before version 17 the server gives sessions only to roles with LOGIN: set it, without a "
                "password, "
                "or use another role as run_as.");
    }
    if (pg::call<&pg::compat::database_aclcheck>(MyDatabaseId, role, static_cast<AclMode>(ACL_CONNECT)) !=
        ACLCHECK_OK) {
        throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                          "role \"%s\" cannot run handlers: it has no privilege CONNECT on this database",
                          name)
            .hint("Grant it CONNECT on the database, or use another role as run_as.");
    }
}

}  // namespace

// Its syntax is checked now; what its names mean is found out when it runs.
void check_command(std::string_view command) {
    const char* text = pg::copy_text(command);
    const List* statements = NIL;
    try {
        statements = pg::guarded([text] { return raw_parser(text, RAW_PARSE_DEFAULT); });
    } catch (const pg::PgError& e) {
        throw pg::Failure(e.sqlstate(), "command: %s", e.message()).hint("%s", e.hint());
    }
    for (int i = 0; i < list_length(statements); i++) {
        if (!pg::needs_a_client(static_cast<const RawStmt*>(list_nth(statements, i)))) continue;
        throw pg::Failure(ERRCODE_FEATURE_NOT_SUPPORTED, "command: COPY cannot use STDOUT or STDIN")
            .hint("A command has no client: copy to or from a file or a program, or write into a table.");
    }
    if (statements == NIL) {
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "command must not be empty")
            .hint("Allowed: one or more SQL commands.");
    }
}

Oid check_run_as(OptionalDatum value) {
    const Oid role = value ? DatumGetObjectId(*value) : GetUserId();
    if (!read_role(role).exists)
        throw pg::Failure(ERRCODE_UNDEFINED_OBJECT, "run_as: role with OID %u does not exist", role);
    const char* name = pg::guarded([role]() -> const char* { return GetUserNameFromId(role, false); });
    if (!pg::call<&pg::compat::can_set_role>(GetUserId(), role)) {
        throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied to run handlers as role \"%s\"",
                          name)
            .hint("Only roles that may SET ROLE to it can register handlers that run as it.");
    }
    check_session(role, name);
    return role;
}

}  // namespace foreman::api
