// SQL functions that users name: found by name as SQL finds them, their signatures and rights, and calls of them
// with any arguments, as often as needed after one look-up. What a function must take and return is the caller's
// rule (handlers: api/handle/handler_function, engine/callable).
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "pg/memory.hpp"
#include "pg/prelude.hpp"

namespace foreman::pg {

/// What pg_proc says of a function.
struct FunctionSignature {
    Oid oid = InvalidOid;
    static_vector<Oid, FUNC_MAX_ARGS> arguments;  ///< types of what it takes
    Oid result = InvalidOid;
    char kind = PROKIND_FUNCTION;
    bool returns_set = false;
    bool has_out = false;
    bool temporary = false;
};
/// errors: XX000 when there is no such function
FunctionSignature read_signature(Oid function);

/// does: finds a function by its name and the types of its arguments, as in app.mail(jsonb), along the
///     search_path.
/// errors: 42883, 42601, 42602 and others, as the server's parser raises them
Oid find_by_signature(std::string_view name_and_types);
/// does: finds all functions and procedures of a name, with a schema or along the search_path.
/// returns: their Oids, in `context`; none: an empty span
/// errors: 42601, 42602
std::span<const Oid> find_by_name(std::string_view name, MemoryContext context = CurrentMemoryContext);
/// does: finds the function that has this name and these types now; for names that were stored.
/// returns: InvalidOid when it is gone
Oid find_stored(const char* name_and_types);
/// returns: the name with schema and types, quoted where needed, which find_stored() finds again
const char* qualified_name(Oid function);

bool may_execute(Oid function, Oid role);
bool may_use_schema_of(Oid function, Oid role);

/// A function that is called again and again. Call it with the identity that it is to run with.
class Function {
  public:
    /// does: looks the function up; what it keeps is in `context`, which is reset by whoever owns it.
    void load(Oid function, MemoryContext context);
    /// Whether it can be called: not before load(), nor after a call that failed. An error leaves what a function
    /// keeps in its FmgrInfo half done.
    bool ready() const noexcept { return oid_ != InvalidOid; }
    void forget() noexcept { oid_ = InvalidOid; }

    Oid result_type() const noexcept { return result_type_; }
    bool returns_set() const noexcept { return returns_set_; }
    /// The statement_timeout of the function's own SET, in milliseconds, or pg::kSessionTimeout. The server applies
    /// it too late for the call that is being made.
    int statement_ms() const noexcept { return statement_ms_; }

    /// does: calls it, counted where track_functions says so.
    /// returns: what it returns, in CurrentMemoryContext; nothing for NULL and void
    /// errors: the function's own
    std::optional<Datum> call(std::span<const Datum> arguments);
    /// does: the same, and turns the result into jsonb, in `context`.
    std::optional<Datum> call_for_jsonb(std::span<const Datum> arguments, MemoryContext context);

  private:
    FmgrInfo function_{};
    FmgrInfo to_jsonb_{};
    Oid oid_ = InvalidOid;
    Oid result_type_ = InvalidOid;
    bool returns_set_ = false;
    int statement_ms_ = 0;
};

}  // namespace foreman::pg
