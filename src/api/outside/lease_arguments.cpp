// See lease_arguments.hpp.
#include "api/outside/lease_arguments.hpp"

#include "pg/call.hpp"

namespace foreman::api {

void required_names(OptionalDatum value, const char* argument, int most, Names* out) {
    const pg::Elements names = pg::array_elements(required(value, argument), pg::kText);
    if (names.count < 1 || names.count > most) {
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "%s has %d elements", argument, names.count)
            .hint("Allowed are 1 to %d.", most);
    }
    for (int i = 0; i < names.count; i++) {
        const OptionalDatum name = names.nulls[i] ? OptionalDatum{} : OptionalDatum{names.values[i]};
        out->push_back(required_name(name, argument));
    }
}

store::TokenPair required_pair(FunctionCallInfo fcinfo) {
    return {required_id(pg::optional_argument(fcinfo, 0)),
            pg::uuid_bytes(required(pg::optional_argument(fcinfo, 1), "token"))};
}

void required_pairs(FunctionCallInfo fcinfo, pg::vector<store::TokenPair>* out) {
    const pg::Elements ids = required_ids(pg::optional_argument(fcinfo, 0));
    const pg::Elements tokens =
        pg::array_elements(required(pg::optional_argument(fcinfo, 1), "tokens"), pg::kUuid);
    if (ids.count != tokens.count) {
        throw pg::Failure(ERRCODE_ARRAY_SUBSCRIPT_ERROR, "tokens has %d elements, job_ids has %d",
                          tokens.count, ids.count)
            .hint("Give one token for each job id, in the same order.");
    }
    out->reserve(static_cast<std::size_t>(ids.count));
    for (int i = 0; i < ids.count; i++) {
        if (tokens.nulls[i])
            throw pg::Failure(ERRCODE_NULL_VALUE_NOT_ALLOWED, "tokens must not contain NULL");
        out->push_back({DatumGetInt64(ids.values[i]), pg::uuid_bytes(tokens.values[i])});
    }
}

}  // namespace foreman::api
