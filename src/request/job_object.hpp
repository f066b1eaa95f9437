// A job as a JSON object whose keys are enqueue's parameters: an element of enqueue_many(), an effect of a workflow.
#pragma once

#include <span>

#include "request/enqueue_request.hpp"
#include "request/json_values.hpp"

namespace foreman::request {

/// does: reads and checks a job. `other_keys` may stand in the object, too.
/// returns: a job whose names and values live as long as the object and the definitions do
/// errors: those of check_options() and check_args(); 22023 for a key that is no parameter, and for a value of the
///     wrong JSON type
store::NewJob job_of_object(JsonbContainer* object, std::span<const std::string_view> other_keys = {});

/// The first key of an object that is not one of these.
/// needs: there is such a key
std::string_view first_unknown_key(JsonbContainer* object, std::span<const std::string_view> known);

}  // namespace foreman::request
