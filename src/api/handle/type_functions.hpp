// The functions that a workflow type or a projection names: found as SQL finds them and checked against what they have to take and
// return, and against the rights of the role that will call them.
#pragma once

#include <span>
#include <string_view>

#include "pg/prelude.hpp"

namespace foreman::api {

/// What a function of a workflow type takes and returns.
struct FunctionShape {
    const char* argument;  ///< of create_workflow_type() and its like, for messages
    std::span<const Oid> takes;
    Oid returns;
    const char* words;  ///< the same in SQL
};

extern const FunctionShape kDecide, kEvolve, kIsTerminal, kUniqueKeyOf, kUpcaster, kMasker;

/// returns: the qualified name with types
/// errors: 42883 there is none that takes this, 42P13 it returns something else, or is no plain function, or is
///     temporary; 42501 the role may not execute it, or the caller may not SET ROLE to it; 42601 and 42602 as the server's parser raises them
std::string_view find_type_function(const FunctionShape& shape, std::string_view name, Oid role);

}  // namespace foreman::api
