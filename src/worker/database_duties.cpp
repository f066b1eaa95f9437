// The duties of the dispatcher that see to its database: whether it may run jobs, settings and roles,
// statistics, schedules and cron.job, partitions and retention. Each is an entry of duty_table.cpp; see
// duty.hpp. What is done with rows stands in store/; here is how far a duty goes at one turn, and when it is
// asked again.
#include <algorithm>

#include "board/settings.hpp"
#include "board/slots.hpp"
#include "pg/datum.hpp"
#include "store/commit/identity.hpp"
#include "store/definitions/queue_settings.hpp"
#include "store/schedules/cron_follow.hpp"
#include "store/schedules/cron_jobs.hpp"
#include "store/schedules/cron_records.hpp"
#include "store/schedules/cron_settings.hpp"
#include "store/upkeep/roles.hpp"
#include "worker/duty.hpp"
#include "worker/duty_state.hpp"

namespace foreman::worker {

using core::Again;
using core::again_at;
using core::kDone;
using core::kLater;
using core::kMore;

namespace {

constexpr core::Micros kFailedRetry = core::seconds(1);
constexpr core::Micros kBufferedRetry = core::milliseconds(200);
constexpr core::Micros kLockedRetry = core::milliseconds(100);
constexpr core::Micros kSplitPause = core::seconds(60);
constexpr int kFireSteps = 40;  // other duties wait for no more

void read_identity(DutyState& s, const char* name) {
    s.identity_read = s.duty(name, [&s] {
        const store::Permission p = store::read_permission();
        s.slot->stopped = p != store::Permission::runs;
        s.copied = p == store::Permission::copied;
        if (s.copied && !std::exchange(s.said_copied, true)) {
            pg::log(LOG, pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                                     "pg_foreman runs no jobs in this database: it is a copy of another")
                             .hint("Run SELECT foreman.start() in it to let it run jobs of its own."));
        }
    });
    if (!s.slot->stopped) {
        s.end_of_grace = core::kPlusInfinity;
    } else if (board::ask_to_leave(s.database, 1) > 0) {
        s.end_of_grace =
            std::min(s.end_of_grace, pg::steady_now() + core::milliseconds(settings::shutdown_grace_ms));
    }
}

}  // namespace

// What was loaded while the database was stopped told nobody: all is looked at.
Again look_at_identity(DutyState& s, Turn& turn) {
    if ((turn.pokes & board::kPokeIdentity) || !s.identity_read) {
        const bool was_stopped = s.slot->stopped;
        read_identity(s, turn.name);
        if (was_stopped && !s.slot->stopped) {
            turn.pokes |= kPokeBegin | kPokeStarted;
            board::forget_coolings(s.database);  // a session's own clock may have set them
        }
    }
    if (turn.steady >= s.end_of_grace) {
        board::ask_to_leave(s.database, 2);
        s.end_of_grace = core::kPlusInfinity;
    }
    if (s.identity_read) return again_at(s.end_of_grace);
    return again_at(std::min(s.end_of_grace, pg::steady_now() + kFailedRetry));
}

Again read_queues(DutyState& s, Turn& turn) {
    bool loaded = false;
    if (!s.duty(turn.name, [&loaded] { loaded = store::load_queue_settings(); })) return kLater;
    return loaded ? kDone : kMore;
}

Again follow_roles(DutyState& s, Turn& turn) {
    bool followed = false;  // not while somebody has locked cron.job
    const bool done = s.duty(turn.name, [&] { followed = store::follow_roles(&s.roles_seen); });
    return done && followed ? kDone : kLater;
}

Again end_minute(DutyState& s, Turn& turn) {
    if (!s.minutes.is_over(turn.now)) return kDone;
    const bool written = s.duty(turn.name, [&s] {
        s.minutes.write();
        store::measure_database();
    });
    if (written) {
        s.minutes.written(turn.now);
    } else {
        s.minutes.begin(turn.now);
    }
    return kDone;
}

Again count_jobs(DutyState& s, Turn& turn) {
    const bool counted = s.duty(turn.name, [&s] {
        store::recount_queues();
        store::measure_database();
        pg_atomic_write_u32(&s.slot->counted, 1);
    });
    if (!counted) return kLater;
    turn.pokes |= kPokeCounted;
    return kDone;
}

// What may be a minute old in the views. It pauses for a hundred times as long as it took.
Again count_split(DutyState& s, Turn& turn) {
    const core::Instant steady = pg::steady_now();
    if (!s.split.active()) {
        s.split.begin(turn.now);
        s.split_began = steady;
    }
    if (!s.duty(turn.name, [&s] { s.split.step(); })) s.split.stop();
    if (s.split.active()) return kMore;
    const core::Instant done = pg::steady_now();
    return again_at(done + std::max(kSplitPause, (done - s.split_began) * 100));
}

Again keep_clerk(DutyState& s, Turn& turn) {
    s.clerk.wake();
    s.clerk.keep(turn.steady);
    const core::Instant retry = s.clerk.retry();
    return retry == core::kPlusInfinity ? kDone : again_at(retry);
}

Again follow_cron_jobs(DutyState& s, Turn& turn) {
    store::CronPass pass{s.cron_followed, store::CronPass::locked};
    if (!s.duty(turn.name, [&pass] { store::follow_cron_jobs(&pass); })) return kLater;
    s.cron_followed = pass.after;
    if (pass.step == store::CronPass::locked) return kLater;
    return pass.step == store::CronPass::more ? kMore : kDone;
}

Again hold_cron_jobs(DutyState& s, Turn& turn) {
    const bool hold = !settings::cron_launch_active_jobs;
    if (hold && !s.duty(turn.name, [] { store::cancel_cron_runs(); })) return kLater;
    s.cron_held = hold;
    return kDone;
}

Again fire_schedules(DutyState& s, Turn& turn) {
    const core::Instant now = turn.now;
    s.slot->next_fire.forget();
    engine::FirePass pass(now, &s.troubled_schedules);
    bool more = true;
    bool done = true;
    for (int i = 0; more && done && i < kFireSteps; i++)
        done = s.duty(turn.name, [&pass, &more] { more = pass.step(); });
    core::Instant next = done && more ? now : now + kFailedRetry;
    if (done && !more) {
        // Those that could not be fired are tried again in a while; the others are not kept waiting for them.
        s.duty("pg_foreman: reading when schedules are due", [&pass, now, &next] {
            const store::NextFire found = store::next_fire(now);
            next = found.next;
            if (found.due) next = std::min(next, now + (pass.failed() ? kFailedRetry : kLockedRetry));
            if (store::any_buffered()) next = std::min(next, now + kBufferedRetry);
        });
    }
    s.slot->next_fire.lower(next);
    return kDone;
}

Again make_partitions(DutyState& s, Turn& turn) {
    return s.duty(turn.name, [&turn] { store::make_partitions(store::kHistory, turn.now); }) ? kDone : kLater;
}

Again prune_runs(DutyState& s, Turn& turn) {
    bool more = false;
    const bool done = s.duty(turn.name, [&] {
        more = s.run_pruner.step(turn.now);
        if (!more) store::prune_notes(turn.now);
    });
    if (!done) return kLater;
    return more ? kMore : kDone;
}

Again prune_history(DutyState& s, Turn& turn) {
    if (!s.pruner.active()) s.pruner.begin(turn.now);
    bool more = false;
    if (!s.duty(turn.name, [&] { more = s.pruner.step(); })) {
        s.pruner.stop();
        return kLater;
    }
    if (!more) return kDone;
    return s.pruner.blocked() ? again_at(turn.steady + store::Pruner::kPause) : kMore;
}

}  // namespace foreman::worker
