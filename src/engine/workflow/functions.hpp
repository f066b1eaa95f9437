// The functions of a workflow type as callables: decide, evolve, is_terminal, unique_key and the upcasters, looked up
// once and again when they or the type changed. They run as the type's role in a restricted operation: what a
// function of theirs could leave in the session of a caller with other rights (temporary tables, deferred triggers,
// prepared statements, settings) is refused or undone.
#pragma once

#include <optional>
#include <string_view>

#include "pg/function.hpp"
#include "pg/identity.hpp"
#include "store/workflows/types.hpp"

namespace foreman::engine {

struct TypeFunctions {
    pg::Function decide, evolve, is_terminal, unique_key;
    pg::Function* upcasters = nullptr;  ///< in the order of WorkflowType::upcasters
    bool has_evolve = false, has_terminal = false, has_unique_key = false;
    int64 evolve_identity = 0;  ///< another one after evolve or an upcaster changed
    const char* schema = "";    ///< quoted; the search_path of the functions; empty: there are none
};

/// errors: 42883 naming the function when it is gone, 42501 when the type's role may not execute it, 55000 inside a
///     function of a workflow
TypeFunctions& functions_of(const store::WorkflowType& type);

/// The scope in which functions of a type are called. Inside one (sub)transaction. Such a function calls for no
/// other workflow: functions_of() refuses it.
class AsType {
  public:
    AsType(const store::WorkflowType& type, const TypeFunctions& functions);
    AsType(const AsType&) = delete;
    AsType& operator=(const AsType&) = delete;

  private:
    // Also when what follows it cannot be set up.
    struct Inside {
        Inside() noexcept;
        ~Inside();
        Inside(const Inside&) = delete;
        Inside& operator=(const Inside&) = delete;
    };
    const Inside inside_;
    pg::RunAs run_as_;
    pg::GucScope settings_;
};

}  // namespace foreman::engine
