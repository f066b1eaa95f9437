// See public_function.hpp.
#include "api/public_function.hpp"

namespace foreman::api {

Datum without_internals(FunctionCallInfo fcinfo, Datum (*body)(FunctionCallInfo)) {
    try {
        return body(fcinfo);
    } catch (pg::PgError& e) {
        e.without_context();
        throw;
    }
}

}  // namespace foreman::api
