// The words for stored roles that are missing, see store/upkeep/roles.hpp.
#pragma once

#include <string_view>

#include "pg/prelude.hpp"

namespace foreman::store {

/// Stands for a role that is missing. No role has this number: the server gives them from 10 on.
inline constexpr Oid kNobody{1};
/// Stands before the name of a missing role where a role is shown.
inline constexpr char kMissingSign = '?';

/// Why a schedule is switched off whose role is missing.
inline constexpr const char* kRoleMissing = "the role that made it is missing";
/// A missing role of this name, as it is shown.
std::string_view shown_missing(std::string_view name);

}  // namespace foreman::store
