// See type_functions.hpp.
#include "api/handle/type_functions.hpp"

#include <algorithm>

#include "api/handle/run_as.hpp"
#include "api/public_function.hpp"
#include "pg/call.hpp"
#include "pg/error.hpp"
#include "pg/function.hpp"
#include "request/arguments.hpp"

namespace foreman::api {

namespace {

constexpr std::size_t kMaxFunctionName = 1000;

constexpr Oid kDecideTakes[] = {TIMESTAMPTZOID, JSONBOID, JSONBOID};
constexpr Oid kTwoJsonb[] = {JSONBOID, JSONBOID};
constexpr Oid kOneJsonb[] = {JSONBOID};

[[noreturn]] void refuse(const FunctionShape& shape, std::string_view name, const char* what, int sqlstate) {
    throw pg::Failure(sqlstate, "%s %.*s %s", shape.argument, static_cast<int>(name.size()), name.data(),
                      what)
        .hint("Allowed: a function %s.", shape.words);
}

bool takes(const pg::FunctionSignature& s, const FunctionShape& shape) {
    return std::equal(s.arguments.begin(), s.arguments.end(), shape.takes.begin(), shape.takes.end());
}

Oid find(const FunctionShape& shape, std::string_view name) {
    try {
        if (name.find('(') != std::string_view::npos && name.back() == ')')
            return pg::find_by_signature(name);
        for (const Oid each : pg::find_by_name(name)) {
            if (takes(pg::read_signature(each), shape)) return each;
        }
    } catch (const pg::PgError& e) {
        refuse(shape, name, e.message(), e.sqlstate());
    }
    refuse(shape, name, "does not exist", ERRCODE_UNDEFINED_FUNCTION);
}

}  // namespace

const FunctionShape kDecide{"decide", kDecideTakes, JSONBOID,
                            "f(timestamptz, jsonb, jsonb) that returns jsonb"};
const FunctionShape kEvolve{"evolve", kTwoJsonb, JSONBOID, "f(jsonb, jsonb) that returns jsonb"};
const FunctionShape kIsTerminal{"is_terminal", kOneJsonb, BOOLOID, "f(jsonb) that returns boolean"};
const FunctionShape kUniqueKeyOf{"unique_key", kOneJsonb, TEXTOID, "f(jsonb) that returns text"};
const FunctionShape kUpcaster{"upcaster", kOneJsonb, JSONBOID, "f(jsonb) that returns jsonb"};
const FunctionShape kMasker{"masker", kOneJsonb, JSONBOID, "f(jsonb) that returns jsonb"};

std::string_view find_type_function(const FunctionShape& shape, std::string_view name, Oid role) {
    request::accept(core::check_name(shape.argument, name, kMaxFunctionName));
    check_run_as(ObjectIdGetDatum(role));  // whoever names a function has it run as the role
    const Oid oid = find(shape, name);
    const pg::FunctionSignature s = pg::read_signature(oid);
    if (!takes(s, shape) || s.result != shape.returns || s.returns_set || s.kind != PROKIND_FUNCTION)
        refuse(shape, name, "takes or returns something else", ERRCODE_INVALID_FUNCTION_DEFINITION);
    if (s.temporary) refuse(shape, name, "is temporary", ERRCODE_INVALID_FUNCTION_DEFINITION);
    if (!pg::may_use_schema_of(oid, role) || !pg::may_execute(oid, role))
        throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE, "role \"%s\" may not execute %s %.*s",
                          pg::guarded([role]() -> const char* { return GetUserNameFromId(role, false); }),
                          shape.argument, static_cast<int>(name.size()), name.data())
            .hint("Grant it USAGE on the function's schema and EXECUTE on the function.");
    return pg::qualified_name(oid);
}

}  // namespace foreman::api
