// Arguments that the lease functions share: lists of names, tokens, pairs of job ids and tokens.
#pragma once

#include <string_view>

#include "api/public_function.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"
#include "request/arguments.hpp"
#include "store/jobs/leases.hpp"

namespace foreman::api {

using Names = pg::vector<std::string_view>;

inline constexpr Span kLeases{core::seconds(1), core::days(366)};

/// 1 to `most` names, none NULL.
void required_names(OptionalDatum value, const char* argument, int most, Names* out);
/// A job id and its token.
store::TokenPair required_pair(FunctionCallInfo fcinfo);
/// Arrays of as many job ids as tokens, none NULL.
void required_pairs(FunctionCallInfo fcinfo, pg::vector<store::TokenPair>* out);

}  // namespace foreman::api
