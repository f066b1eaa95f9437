// The duties of the dispatcher that see to jobs: what dead executors left, requests, leases, blocked and
// expired jobs, and what the board says of them. See duty.hpp; each is an entry of duty_table.cpp.
#pragma once

#include "worker/duty.hpp"

namespace foreman::worker {

core::Again settle_dead(DutyState& s, Turn& turn);
core::Again look_at_prepared(DutyState& s, Turn& turn);
core::Again compare_board(DutyState& s, Turn& turn);
core::Again read_ranges(DutyState& s, Turn& turn);
core::Again read_leases(DutyState& s, Turn& turn);
core::Again read_handlers(DutyState& s, Turn& turn);
core::Again apply_requests(DutyState& s, Turn& turn);
core::Again revive_leases(DutyState& s, Turn& turn);
core::Again release_blocked(DutyState& s, Turn& turn);
core::Again expire_jobs(DutyState& s, Turn& turn);

}  // namespace foreman::worker
