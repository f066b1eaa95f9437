// One rule for every function that changes, pauses or removes something that has a name (a queue, a handler,
// a schedule, a rate limit, a right): a name that is not there is an error, because a call that does nothing
// looks like a call that worked. Callers who want silence say if_exists => true and get false.
//
// Functions on one job by its id answer a word or a boolean instead: a job may end at any time.
#pragma once

#include "api/public_function.hpp"
#include "pg/error.hpp"
#include "request/arguments.hpp"

namespace foreman::api {

/// The argument `if_exists` or `if_not_exists`.
/// errors: 22004 for NULL.
inline bool wants_silence(FunctionCallInfo fcinfo, int index, const char* argument) {
    return DatumGetBool(required(pg::optional_argument(fcinfo, index), argument));
}

/// The answer of a call about something that is not there: false.
/// errors: 42704 unless `silent`.
inline Datum absent(const char* what, std::string_view name, bool silent, const char* hint) {
    if (silent) return BoolGetDatum(false);
    throw pg::Failure(ERRCODE_UNDEFINED_OBJECT, "%s \"%.*s\" does not exist", what,
                      static_cast<int>(name.size()), name.data())
        .hint("%s", hint);
}

}  // namespace foreman::api
