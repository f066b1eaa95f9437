// See handler_function.hpp. Names are resolved by namespace.c and regproc.c, so that they mean what they mean
// in SQL.
#include "api/handle/handler_function.hpp"

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"
#include "store/db/schema.hpp"

namespace foreman::api {

namespace {

// What pg_proc says of a function.
struct Signature {
    Oid argument;
    Oid result;
    int arguments;
    char kind;
    bool returns_set;
    bool has_out;
    bool temporary;
};

const char* shapes_of(store::Lane lane) noexcept {
    switch (lane) {
        case store::Lane::transaction:
            return "functions f(jsonb) and f(foreman.job) that return one value or void";
        case store::Lane::batch:
            return "functions f(foreman.job[]) that return void or SETOF foreman.job_outcome";
        case store::Lane::procedure:
            break;
    }
    return "procedures p(jsonb) and p(foreman.job)";
}

const char* lane_name(store::Lane lane) noexcept {
    return lane == store::Lane::batch       ? "batch"
           : lane == store::Lane::procedure ? "procedure"
                                            : "transaction";
}

Signature read_signature(Oid function) {
    return pg::guarded([function] {
        HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
        if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for function %u", function);
        const auto* proc = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
        Signature s{};
        s.arguments = proc->pronargs;
        s.argument = proc->pronargs > 0 ? proc->proargtypes.values[0] : InvalidOid;
        s.result = proc->prorettype;
        s.kind = proc->prokind;
        s.returns_set = proc->proretset;
        s.has_out = !heap_attisnull(tuple, Anum_pg_proc_proallargtypes, nullptr);
        s.temporary = isAnyTempNamespace(proc->pronamespace);
        ReleaseSysCache(tuple);
        return s;
    });
}

// What the lane's functions take; both are possible in all lanes but batch.
bool takes_a_job(Oid type, store::Lane lane) {
    const store::Schema& s = store::schema();
    return lane == store::Lane::batch ? type == s.job_array_type : type == JSONBOID || type == s.job_type;
}

bool returns_a_result(const Signature& s, store::Lane lane) {
    if (lane == store::Lane::batch) {
        return s.returns_set ? s.result == store::schema().job_outcome_type : s.result == VOIDOID;
    }
    if (lane == store::Lane::procedure) return !s.has_out;
    const bool pseudo = pg::call<&get_typtype>(s.result) == TYPTYPE_PSEUDO;
    return !s.returns_set && (!pseudo || s.result == VOIDOID || s.result == RECORDOID);
}

bool fits(const Signature& s, store::Lane lane) {
    const char kind = lane == store::Lane::procedure ? PROKIND_PROCEDURE : PROKIND_FUNCTION;
    return s.kind == kind && s.arguments == 1 && takes_a_job(s.argument, lane) && returns_a_result(s, lane);
}

[[noreturn]] void refuse_shape(std::string_view name, store::Lane lane) {
    throw pg::Failure(ERRCODE_INVALID_FUNCTION_DEFINITION, "handler %.*s cannot run jobs in lane %s",
                      static_cast<int>(name.size()), name.data(), lane_name(lane))
        .hint("Allowed: %s.", shapes_of(lane));
}

// As parseNameAndArgTypes in regproc.c looks for the parenthesis.
bool has_argument_types(std::string_view name) noexcept {
    bool quoted = false;
    for (const char c : name) {
        if (c == '"') quoted = !quoted;
        if (c == '(' && !quoted) return true;
    }
    return false;
}

// Errors of the server's own functions say what they do not like, not whose argument it is.
template <class Lookup>
auto named(std::string_view name, Lookup lookup) {
    try {
        return pg::guarded(lookup);
    } catch (const pg::PgError& e) {
        throw pg::Failure(e.sqlstate(), "handler \"%.*s\": %s", static_cast<int>(name.size()), name.data(),
                          e.message())
            .hint(
                "Allowed: the name of a function or procedure, with a schema and with the type of its "
                "argument "
                "where needed, as in app.mail(jsonb). A statement of SQL is given as command.");
    }
}

Oid find_by_signature(std::string_view name) {
    const char* text = pg::copy_text(name);
    return named(name, [text] {
        return DatumGetObjectId(DirectFunctionCall1(regprocedurein, CStringGetDatum(text)));
    });
}

FuncCandidateList candidates_of(std::string_view name) {
    const Datum value = pg::text_datum(name);
    return named(name, [value] {
        List* names = textToQualifiedNameList(DatumGetTextPP(value));
        return FuncnameGetCandidates(names, -1, NIL, false, false, false, true);
    });
}

Oid find_by_name(std::string_view name, store::Lane lane) {
    const FuncCandidateList all = candidates_of(name);
    if (all == nullptr) {
        throw pg::Failure(ERRCODE_UNDEFINED_FUNCTION, "handler %.*s does not exist",
                          static_cast<int>(name.size()), name.data())
            .hint("Create it first; it is looked for as SQL does, along the search_path. Allowed: %s.",
                  shapes_of(lane));
    }
    Oid found = InvalidOid;
    for (FuncCandidateList c = all; c != nullptr; c = c->next) {
        if (!fits(read_signature(c->oid), lane)) continue;
        if (found != InvalidOid) {
            throw pg::Failure(ERRCODE_AMBIGUOUS_FUNCTION, "handler %.*s is not unique",
                              static_cast<int>(name.size()), name.data())
                .hint("Give the type of its argument: %.*s(jsonb) or %.*s(foreman.job).",
                      static_cast<int>(name.size()), name.data(), static_cast<int>(name.size()), name.data());
        }
        found = c->oid;
    }
    if (found == InvalidOid) refuse_shape(name, lane);
    return found;
}

store::Shape shape_of(Oid argument) {
    if (argument == JSONBOID) return store::Shape::jsonb;
    return argument == store::schema().job_type ? store::Shape::job : store::Shape::jobs;
}

const char* role_name(Oid role) {
    return pg::guarded([role]() -> const char* { return GetUserNameFromId(role, false); });
}

}  // namespace

HandlerFunction find_function(std::string_view name, store::Lane lane) {
    HandlerFunction f;
    f.oid = has_argument_types(name) ? find_by_signature(name) : find_by_name(name, lane);
    if (f.oid == InvalidOid) refuse_shape(name, lane);
    const Signature s = read_signature(f.oid);
    if (!fits(s, lane)) refuse_shape(name, lane);
    if (s.temporary)
        throw pg::Failure(ERRCODE_INVALID_FUNCTION_DEFINITION, "handler %.*s is temporary",
                          static_cast<int>(name.size()), name.data())
            .hint("Jobs run in sessions of their own: create it in another schema.");
    f.shape = shape_of(s.argument);
    f.signature = pg::guarded([oid = f.oid]() -> const char* { return format_procedure_qualified(oid); });
    return f;
}

void check_may_execute(const HandlerFunction& f, Oid role) {
    const Oid schema = pg::call<&get_func_namespace>(f.oid);
    const int n = static_cast<int>(f.signature.size());
    if (pg::call<&pg::compat::schema_aclcheck>(schema, role, static_cast<AclMode>(ACL_USAGE)) !=
        ACLCHECK_OK) {
        throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE,
                          "role \"%s\" may not use the schema of handler %.*s", role_name(role), n,
                          f.signature.data())
            .hint("Grant it USAGE on the schema.");
    }
    if (pg::call<&pg::compat::function_aclcheck>(f.oid, role, static_cast<AclMode>(ACL_EXECUTE)) !=
        ACLCHECK_OK) {
        throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE, "role \"%s\" may not execute handler %.*s",
                          role_name(role), n, f.signature.data())
            .hint("Grant it EXECUTE on %.*s.", n, f.signature.data());
    }
}

}  // namespace foreman::api
