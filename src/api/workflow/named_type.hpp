// The workflow type that the first argument of a function names, when the caller has the right to it.
#pragma once

#include "api/public_function.hpp"
#include "request/arguments.hpp"
#include "store/definitions/access.hpp"
#include "store/workflows/types.hpp"

namespace foreman::api {

/// errors: 22004 for NULL, 42704 for an unknown type, 42501 without the bundle on its queue
inline const store::WorkflowType& named_type(FunctionCallInfo fcinfo, store::Bundle bundle) {
    const store::WorkflowType& type =
        store::require_workflow_type(required_name(pg::optional_argument(fcinfo, 0), "workflow_type"));
    store::require(bundle, type.queue);
    return type;
}

}  // namespace foreman::api
