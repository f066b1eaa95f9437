// Entries of leases, for board/leases.cpp and board/unwritten_leases.cpp only, under the lock of the leases.
#pragma once

#include "board/leases.hpp"
#include "board/parts.hpp"

namespace foreman::board {

LeaseEntry* find_lease_entry(Oid database, int64 job_id) noexcept;
bool has_token(const LeaseEntry& e, const pg::UuidBytes& token) noexcept;
/// does: a new entry in the share of the role, without a place or keys. A place or a key counts only with an entry, so
///     that one that is `limited` is given beyond the share.
/// returns: nullptr: there is no room
LeaseEntry* add_lease_entry(Oid database, int64 job_id, Oid role, bool limited) noexcept;
/// The entry says from now on that the row knows of the lease, or that there is none.
void forget_unwritten(LeaseEntry* e) noexcept;
/// The dispatcher looks at the leases at `until` or before.
/// needs: no lock
void lower_next_lease_end(Oid database, int64 until) noexcept;

}  // namespace foreman::board
