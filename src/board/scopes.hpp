// The buckets of named rate limits in shared memory; store/definitions/rate_limits.cpp has their rows and
// uses them.
#pragma once

#include <string_view>

#include "board/layout.hpp"

namespace foreman::board {

/// The bucket of a named limit of this database; add: makes it, empty, when there is none. nullptr: there is
/// none, or the table is full.
/// needs: BoardLock::waits
ScopeEntry* find_scope(std::string_view scope, bool add) noexcept;
/// Forgets all buckets of a database.
void clear_scopes(Oid database) noexcept;

}  // namespace foreman::board
