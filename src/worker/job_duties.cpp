// The duties of the dispatcher that see to jobs: what dead executors left, requests, leases, blocked and
// expired jobs, and what the board says of them. Each is an entry of duty_table.cpp; see duty.hpp. What a duty
// does with rows stands in engine/duties.cpp and store/jobs/; here is how far it goes at one turn, and when it
// is asked again.
#include <algorithm>

#include "board/feed.hpp"
#include "board/settings.hpp"
#include "engine/duties.hpp"
#include "engine/procedure_lane.hpp"
#include "pg/datum.hpp"
#include "store/commit/remember.hpp"
#include "store/db/schema.hpp"
#include "store/jobs/expire.hpp"
#include "store/jobs/leases.hpp"
#include "store/jobs/requests.hpp"
#include "store/jobs/unwritten.hpp"
#include "worker/duty.hpp"
#include "worker/duty_state.hpp"

namespace foreman::worker {

using core::Again;
using core::again_at;
using core::kDone;
using core::kLater;
using core::kMore;

namespace {

// A session that says so is about to end, and holds its job until it has.
constexpr core::Micros kOrphansLook = core::milliseconds(50);
constexpr core::Micros kOrphansWatch = core::seconds(2);
constexpr core::Micros kPreparedLook = core::milliseconds(500);
constexpr core::Micros kRequestRetry = core::milliseconds(200);
constexpr core::Micros kLeaseRetry = core::seconds(1);
constexpr core::Micros kWriteRetry = core::milliseconds(500);
constexpr int kWriteBatch = 1000;
constexpr int kExpireStep = 400;  // takes about kStep

}  // namespace

// Each in a transaction of its own: one whose job cannot be settled does not keep the others from it.
Again settle_dead(DutyState& s, Turn& turn) {
    if (turn.pokes & board::kPokeOrphans) s.orphans_until = turn.steady + kOrphansWatch;
    bool all = true;
    for (int i = 0; i < board::kMaxSlots; i++) {
        board::SlotReading dead{};
        if (!engine::read_dead_executor(i, s.database, &dead)) continue;
        if (s.attempt(turn.name, [&dead] { engine::settle_dead_executor(dead); })) {
            engine::forget_dead_executor(dead);
        } else {
            all = false;
        }
    }
    pg::Context context("foreman orphans");
    pg::ContextResource memory(context);
    pg::vector<int64> orphans(&memory);
    all &= s.attempt(turn.name, [&s, &orphans] { engine::find_orphans(s.database, &orphans); });
    for (const int64 job : orphans)
        all &= s.attempt(turn.name, [job] { engine::rescue_leased(job, false, ""); });
    if (all) s.recovered(turn.name);
    if (turn.steady < s.orphans_until) return again_at(turn.steady + kOrphansLook);
    return all ? kDone : kLater;
}

// An apply worker commits prepared transactions without a command that the utility hook would see. As long as
// one is there, its end is looked for. One that was poked for was made, and may have ended before this look.
Again look_at_prepared(DutyState& s, Turn& turn) {
    const uint32 both = board::kPokePrepared | board::kPokeReread;
    const bool made = (turn.pokes & both) == board::kPokePrepared;
    store::PreparedSet found = s.prepared;
    const bool looked = s.duty(turn.name, [&found] { found = store::prepared_transactions(); });
    if (made || found != s.prepared) store::distrust_heads();
    s.prepared = found;
    return looked && found.count == 0 ? kDone : again_at(turn.steady + kPreparedLook);
}

Again compare_board(DutyState&, Turn& turn) {
    turn.pokes |= kPokeCompare;
    return kDone;
}

Again read_ranges(DutyState& s, Turn& turn) {
    if (!s.reader.begin(turn.now, turn.steady, (turn.pokes & kPokeCompare) != 0)) return kDone;
    if (!s.duty(turn.name, [&] { s.reader.step(turn.now, kStep); })) return kLater;
    return s.reader.active() ? kMore : core::rest_until(s.reader.rest());
}

Again read_leases(DutyState& s, Turn& turn) {
    return s.duty(turn.name, [&turn] { store::load_leases(turn.now); }) ? kDone : kLater;
}

Again read_handlers(DutyState& s, Turn& turn) {
    s.all_handlers |= (turn.pokes & board::kPokeHandlers) != 0;
    const bool done = s.duty(turn.name, [&s] { engine::refresh_roles(s.database, s.all_handlers, kStep); });
    s.all_handlers = !done;  // it may have failed between a range and the look at its handler
    return done ? kDone : kLater;
}

namespace {

uint32 request_generation(const DutyState& s) noexcept {
    return pg_atomic_read_u32(&s.slot->request_generation);
}

// A request that commits in between sets the flag again after this, or is seen by its generation.
void close_requests(const DutyState& s) noexcept {
    pg_atomic_write_u32(&s.slot->requests_open, 0);
    pg_memory_barrier();
    if (request_generation(s) != s.requests.generation) pg_atomic_write_u32(&s.slot->requests_open, 1);
}

}  // namespace

// What was asked for behind the back of a pass is looked at in the next one; requests for jobs that somebody
// holds wait for a while, which is longer the more of them there are.
Again apply_requests(DutyState& s, Turn& turn) {
    RequestRound& round = s.requests;
    if (round.after == PG_INT64_MIN)
        round = {.generation = request_generation(s), .interrupt = round.interrupt, .began = turn.steady};
    round.interrupt |= (turn.pokes & board::kPokePrepared) != 0;
    store::RequestPass pass{0, 0, round.after, true};
    if (!s.duty(turn.name, [&] { pass = store::apply_requests(round.after, kStep, round.interrupt); })) {
        round.after = PG_INT64_MIN;
        return kLater;
    }
    round.left += pass.left;
    round.after = pass.after;
    if (pass.more) return kMore;
    round.after = PG_INT64_MIN;
    round.interrupt = false;
    if (round.left > 0) {
        s.overstayers.end(s.database, turn.steady, core::milliseconds(settings::cancel_grace_ms));
    } else if (request_generation(s) == round.generation) {
        close_requests(s);
    }
    if (request_generation(s) != round.generation) return kMore;
    if (round.left == 0) return kDone;
    const core::Instant done = pg::steady_now();
    return again_at(done + kRequestRetry + (done - round.began));
}

// What is open, locked or being ended is looked at again a little later.
Again write_leases(DutyState& s, Turn& turn) {
    s.slot->next_lease_write.forget();
    if (!board::any_unwritten()) return kDone;
    store::WritePass pass{};
    if (!s.duty(turn.name, [&] { pass = store::write_leases(turn.now - board::kWrittenAfter, kWriteBatch); }))
        pass = {0, turn.now + kLeaseRetry};
    if (pass.written == kWriteBatch) return kMore;
    s.slot->next_lease_write.lower(std::max(pass.next, turn.now + kWriteRetry));
    return kDone;
}

Again revive_leases(DutyState& s, Turn& turn) {
    s.slot->next_lease_end.forget();
    core::Instant next = turn.now + kLeaseRetry;
    // After a failure each on its own, so that one that cannot be revived does not keep the others from it.
    for (const bool each_alone : {false, true}) {
        core::Instant seen = next;
        if (s.duty(turn.name,
                   [&] { engine::revive_ended_leases(s.database, turn.now, kStep, &seen, each_alone); })) {
            next = seen;
            break;
        }
    }
    s.slot->next_lease_end.lower(next);
    return kDone;
}

// Until nothing is left but what somebody has locked.
Again release_blocked(DutyState& s, Turn& turn) {
    if (turn.pokes & kPokeCompare) s.blocked.look_at_all();
    if (pg_atomic_exchange_u32(&s.slot->waits_overflow, 0) != 0) {
        store::distrust_queues();  // it may be their settings that changed
        s.blocked.look_at_all();
    }
    if (!s.duty(turn.name, [&] { s.blocked.step(turn.now, kStep); })) s.blocked.undo();
    return again_at(s.blocked.next());
}

Again expire_jobs(DutyState& s, Turn& turn) {
    return s.duty(turn.name, [&] { engine::expire_due(s.slot, turn.now, kExpireStep); }) ? kDone : kLater;
}

// Asked for before the look: whoever appends from then on tells, and what was appended before is seen. A look rests
// four times as long as it took, so that projections which few events concern cost a fifth of a core at most.
Again wake_projections(DutyState& s, Turn& turn) {
    if (turn.steady < s.projections_rest) return again_at(s.projections_rest);
    board::want_appends(s.database, true);
    bool covered = false;
    const core::Instant began = pg::steady_now();
    const bool done = s.duty(turn.name, [&] { covered = store::look_for_work(&s.projections).covered; });
    const core::Instant ended = pg::steady_now();
    s.projections_rest = ended + (ended - began) * 4;
    if (!done) return kLater;
    if (covered) board::want_appends(s.database, false);
    return kDone;
}

}  // namespace foreman::worker
