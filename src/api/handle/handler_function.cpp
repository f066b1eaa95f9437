// See handler_function.hpp.
#include "api/handle/handler_function.hpp"

#include "pg/call.hpp"
#include "pg/function.hpp"
#include "store/db/schema.hpp"

namespace foreman::api {

namespace {

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

// What the lane's functions take; both are possible in all lanes but batch.
bool takes_a_job(Oid type, store::Lane lane) {
    const store::Schema& s = store::schema();
    return lane == store::Lane::batch ? type == s.job_array_type : type == JSONBOID || type == s.job_type;
}

bool returns_a_result(const pg::FunctionSignature& s, store::Lane lane) {
    if (lane == store::Lane::batch) {
        return s.returns_set ? s.result == store::schema().job_outcome_type : s.result == VOIDOID;
    }
    if (lane == store::Lane::procedure) return !s.has_out;
    const bool pseudo = pg::call<&get_typtype>(s.result) == TYPTYPE_PSEUDO;
    return !s.returns_set && (!pseudo || s.result == VOIDOID || s.result == RECORDOID);
}

bool fits(const pg::FunctionSignature& s, store::Lane lane) {
    const char kind = lane == store::Lane::procedure ? PROKIND_PROCEDURE : PROKIND_FUNCTION;
    return s.kind == kind && s.arguments.size() == 1 && takes_a_job(s.arguments[0], lane) &&
           returns_a_result(s, lane);
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
        return lookup();
    } catch (const pg::PgError& e) {
        throw pg::Failure(e.sqlstate(), "handler \"%.*s\": %s", static_cast<int>(name.size()), name.data(),
                          e.message())
            .hint(
                "Allowed: the name of a function or procedure, with a schema and with the type of its "
                "argument "
                "where needed, as in app.mail(jsonb). A statement of SQL is given as command.");
    }
}

Oid find_of_lane(std::string_view name, store::Lane lane) {
    const std::span<const Oid> all = named(name, [name] { return pg::find_by_name(name); });
    if (all.empty()) {
        throw pg::Failure(ERRCODE_UNDEFINED_FUNCTION, "handler %.*s does not exist",
                          static_cast<int>(name.size()), name.data())
            .hint("Create it first; it is looked for as SQL does, along the search_path. Allowed: %s.",
                  shapes_of(lane));
    }
    Oid found = InvalidOid;
    for (const Oid each : all) {
        if (!fits(pg::read_signature(each), lane)) continue;
        if (found != InvalidOid) {
            throw pg::Failure(ERRCODE_AMBIGUOUS_FUNCTION, "handler %.*s is not unique",
                              static_cast<int>(name.size()), name.data())
                .hint("Give the type of its argument: %.*s(jsonb) or %.*s(foreman.job).",
                      static_cast<int>(name.size()), name.data(), static_cast<int>(name.size()), name.data());
        }
        found = each;
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
    f.oid = has_argument_types(name) ? named(name, [name] { return pg::find_by_signature(name); })
                                     : find_of_lane(name, lane);
    if (f.oid == InvalidOid) refuse_shape(name, lane);
    const pg::FunctionSignature s = pg::read_signature(f.oid);
    if (!fits(s, lane)) refuse_shape(name, lane);
    if (s.temporary)
        throw pg::Failure(ERRCODE_INVALID_FUNCTION_DEFINITION, "handler %.*s is temporary",
                          static_cast<int>(name.size()), name.data())
            .hint("Jobs run in sessions of their own: create it in another schema.");
    f.shape = shape_of(s.arguments[0]);
    f.signature = pg::qualified_name(f.oid);
    return f;
}

void check_may_execute(const HandlerFunction& f, Oid role) {
    const int n = static_cast<int>(f.signature.size());
    if (!pg::may_use_schema_of(f.oid, role)) {
        throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE,
                          "role \"%s\" may not use the schema of handler %.*s", role_name(role), n,
                          f.signature.data())
            .hint("Grant it USAGE on the schema.");
    }
    if (!pg::may_execute(f.oid, role)) {
        throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE, "role \"%s\" may not execute handler %.*s",
                          role_name(role), n, f.signature.data())
            .hint("Grant it EXECUTE on %.*s.", n, f.signature.data());
    }
}

}  // namespace foreman::api
