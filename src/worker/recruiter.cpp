// See recruiter.hpp.
#include "worker/recruiter.hpp"

#include <algorithm>

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "store/settings.hpp"
#include "worker/executor.hpp"

namespace foreman::worker {

namespace {

constexpr core::Micros kLongestRest = core::seconds(60);

}  // namespace

Recruiter::Recruiter(Oid database)
    : database_(database),
      context_("foreman recruiter"),
      memory_(context_),
      needs_(&memory_),
      started_(&memory_),
      bad_(&memory_) {}

Recruiter::Round Recruiter::look(core::Instant now) {
    struct Look {
        Recruiter* self;
        core::Instant now;
        core::Instant next_due;
        pg::static_vector<RoleNeed, 128> needs;
    } look{this, now, core::kPlusInfinity, {}};
    store::visit_ranges(
        database_,
        [](void* arg, uint32, Oid role, store::Key head, core::Instant throttled_until) {
            auto* l = static_cast<Look*>(arg);
            if (role == InvalidOid || head == core::kNoKey) return;
            const core::Instant due = std::max(core::Instant{head.run_at}, throttled_until);
            if (due > l->now) {
                l->next_due = std::min(l->next_due, due);
                return;
            }
            for (RoleNeed& n : l->needs) {
                if (n.role == role) {
                    n.due_ranges++;
                    return;
                }
            }
            if (l->needs.size() < l->needs.capacity()) l->needs.push_back({role, 1});
        },
        &look);
    reap_failed_starts(now);
    Round round{look.next_due, false};
    for (const RoleNeed& need : look.needs) {
        if (!serve(need, now)) round.unmet = true;
    }
    return round;
}

// false: nobody runs this role's jobs, and nobody could be started.
bool Recruiter::serve(const RoleNeed& need, core::Instant now) {
    const store::RoleExecutors have = store::count_executors(database_, need.role);
    if (store::wake_executor(database_, need.role)) return true;
    if (have.starting > 0) return true;
    if (resting(need.role, now)) return have.total > 0;
    if (have.total > 0 && store::free_slots(settings::max_executors) <= 0) return true;
    const int slot = store::reserve_slot(database_, need.role, settings::max_executors, now);
    if (slot < 0) {
        if (have.total > 0) store::forget_demand(database_, need.role);
        return have.total > 0;
    }
    return start_executor(slot, need.role) || have.total > 0;
}

bool Recruiter::start_executor(int slot, Oid role) {
    const ExecutorTicket ticket{database_, role, slot};
    pg::WorkerSpec spec{};
    spec.library = "pg_foreman";
    spec.function = "foreman_executor_main";
    spec.name = "pg_foreman executor";
    spec.type = "pg_foreman executor";
    spec.restart_seconds = BGW_NEVER_RESTART;
    spec.notify = MyProcPid;
    spec.extra = &ticket;
    spec.extra_bytes = sizeof(ticket);
    std::optional<pg::WorkerHandle> handle = pg::start_worker(spec);
    if (!handle) {
        store::free_slot(slot);
        if (!slots_exhausted_said_) {
            pg::log(LOG, pg::Failure(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
                                     "pg_foreman cannot start an executor: no background worker slot is free")
                             .hint("Raise max_worker_processes."));
        }
        slots_exhausted_said_ = true;
        return false;
    }
    slots_exhausted_said_ = false;
    started_.push_back(Started{slot, role, std::move(*handle)});
    return true;
}

// An executor that ended before it attached (no such role, no right to connect) leaves its slot as it was:
// starting.
void Recruiter::reap_failed_starts(core::Instant now) {
    for (std::size_t i = started_.size(); i-- > 0;) {
        Started& s = started_[i];
        store::SlotReading r{};
        const bool used = store::read_slot(s.slot, &r);
        const bool ours = used && r.database == database_ && r.role == s.role;
        const bool attached = !ours || r.state != store::SlotState::starting;
        if (!attached) {
            if (s.handle.status() != BGWH_STOPPED) continue;
            store::free_slot(s.slot);
            auto b = std::find_if(bad_.begin(), bad_.end(), [&s](const Bad& x) { return x.role == s.role; });
            if (b == bad_.end()) {
                bad_.push_back({s.role, 0, now});
                b = bad_.end() - 1;
            }
            b->not_before =
                now + std::min(kLongestRest, core::seconds(1) * (int64{1} << std::min(b->failures, 6)));
            b->failures++;
        } else {
            bad_.erase(
                std::remove_if(bad_.begin(), bad_.end(), [&s](const Bad& x) { return x.role == s.role; }),
                bad_.end());
        }
        started_.erase(started_.begin() + static_cast<std::ptrdiff_t>(i));
    }
}

bool Recruiter::resting(Oid role, core::Instant now) const {
    return std::any_of(bad_.begin(), bad_.end(),
                       [&](const Bad& b) { return b.role == role && b.not_before > now; });
}

}  // namespace foreman::worker
