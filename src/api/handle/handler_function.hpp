// The function or procedure that a handler names: found as SQL finds it, checked against the shapes that its
// lane runs, and against the rights of the role that will call it. Used by register_handler().
#pragma once

#include <string_view>

#include "pg/prelude.hpp"
#include "store/definitions/definitions.hpp"

namespace foreman::api {

struct HandlerFunction {
    Oid oid = InvalidOid;
    store::Shape shape = store::Shape::jsonb;
    std::string_view signature;  ///< qualified, quoted where needed, with its argument type
};

/// does: resolves a name, or a name with argument types, by the caller's search_path.
/// errors: 42883 there is none, 42725 several fit, 42P13 it does not have a shape of the lane, 42601 and
///     42602 as the server's parser raises them
HandlerFunction find_function(std::string_view name, store::Lane lane);
/// errors: 42501 unless the role may execute the function and use its schema
void check_may_execute(const HandlerFunction& function, Oid role);

}  // namespace foreman::api
