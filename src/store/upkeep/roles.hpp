// Stored roles. A column of type foreman.role_ref has the number of a role, which decides in this cluster,
// and the name that it had when somebody looked last, which a dump carries. Nothing that another role may
// have one day is left in it: follow_roles() takes the number away once the role is gone. Invariant: a row
// whose role is missing stays, runs nothing and gives nobody a right until reassign_role().
#pragma once

#include "pg/memory.hpp"
#include "store/definitions/role_ref.hpp"

namespace foreman::store {

/// does: writes the new names of roles that were renamed and the absence of those that were dropped.
/// returns: false when somebody has locked cron.job, and its rows are left for another time
bool follow_roles();
/// The same, and notes in *seen what role_generation() was before it looked; unless it answers false.
bool follow_roles(uint64* seen);

struct Reassigned {
    int64 handlers, schedules, cron_jobs, batches, grants;
    int64 all() const noexcept { return handlers + schedules + cron_jobs + batches + grants; }
};
/// Gives what belongs to the role that is shown so to another.
Reassigned reassign_role(std::string_view shown, Oid to);

/// How many missing roles are named.
inline constexpr int64 kNamedRoles = 5;
/// What the roles of handlers and schedules cannot do, for health().
struct TroubledRoles {
    int64 missing;  // how many roles
    int64 handlers, schedules, cron_jobs, grants;
    const char* names;  // of the first of them
    const char* lacks;
    int64 barred;  // roles that are there and can have no session
    const char* barred_name;
};
TroubledRoles troubled_roles();

/// The role of a kind's handler as it is shown.
const char* shown_role_of(std::string_view kind);

/// DROP OWNED BY took the rights on functions away: the rows go with them.
void forget_grants(Oid role);

}  // namespace foreman::store
