// See recruiter.hpp.
#include "worker/recruiter.hpp"

#include <algorithm>

#include "board/databases.hpp"
#include "board/rotation.hpp"
#include "board/settings.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/xact.hpp"
#include "worker/executor.hpp"

namespace foreman::worker {

namespace {

constexpr core::Micros kLongestRest = core::seconds(60);
constexpr core::Micros kBarredRest = core::seconds(1);
constexpr int kFailuresToSay = 2;
constexpr const char* kRunning = "pg_foreman: running executors";
constexpr core::Micros kDemandRetry = core::milliseconds(100);
constexpr core::Micros kWorkerSlotRetry = core::milliseconds(500);

// Once for each role and reason, until the reason goes.
void say_barred(Oid role, pg::SessionBar bar) {
    const char* name = pg::guarded([role]() -> const char* {
        const char* found = GetUserNameFromId(role, true);
        return found != nullptr ? psprintf("of role %s", found) : "of roles that are missing";
    });
    const char* why = "their numbers mean nobody";
    const char* hint =
        "foreman.health() names them, foreman.reassign_role() gives their work to another role.";
    if (bar == pg::SessionBar::no_login) {
        why = "it is not permitted to log in";
        hint = "Give it LOGIN, or register its handlers with another role.";
    } else if (bar == pg::SessionBar::no_connect) {
        why = "it may not connect to this database";
        hint = "Grant it CONNECT, or register its handlers with another role.";
    } else if (bar == pg::SessionBar::superuser) {
        why = "it is a superuser, and foreman.superuser_handlers is off";
        hint = "Register its handlers with another role.";
    }
    pg::log(LOG, pg::Failure(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
                             "pg_foreman cannot run the jobs %s: %s", name, why)
                     .hint("%s", hint));
}

board::OwnDemand* find_demand(board::OwnDemands* demands, Oid role) {
    const auto found =
        std::lower_bound(demands->begin(), demands->end(), role,
                         [](const board::OwnDemand& d, Oid wanted) { return d.role < wanted; });
    return found == demands->end() || found->role != role ? nullptr : &*found;
}

core::Instant since(board::OwnDemands* demands, Oid role) {
    const board::OwnDemand* d = find_demand(demands, role);
    return d == nullptr ? core::kPlusInfinity : d->since;
}

}  // namespace

Recruiter::Recruiter(Oid database)
    : database_(database),
      context_("foreman recruiter"),
      memory_(context_),
      started_(&memory_),
      bad_(&memory_) {}

Recruiter::Round Recruiter::look(core::Instant now) {
    static constexpr auto by_role = [](const RoleNeed& a, const RoleNeed& b) { return a.role < b.role; };
    struct Look {
        Recruiter* self;
        core::Instant now;
        core::Instant next_due;
        pg::static_vector<RoleNeed, kRolesAtOnce> needs;  // those of the least roles past passed_
        bool others;
        board::OwnDemands demands;
    } look{this, now, core::kPlusInfinity, {}, false, {}};
    board::read_demands(database_, &look.demands);
    board::visit_ranges(
        database_,
        [](void* arg, uint32, Oid role, core::Key head, core::Instant queue_opens) {
            auto* l = static_cast<Look*>(arg);
            if (role == InvalidOid || head == core::kNoKey) return;
            const core::Instant due = std::max(core::Instant{head.run_at}, queue_opens);
            if (due > l->now) {
                l->next_due = std::min(l->next_due, due);
                return;
            }
            if (board::OwnDemand* d = find_demand(&l->demands, role)) d->is_due = true;
            if (role <= l->self->passed_) {
                l->others = true;
                return;
            }
            for (RoleNeed& n : l->needs) {
                if (n.role == role) {
                    n.due_ranges++;
                    return;
                }
            }
            if (l->needs.size() < l->needs.capacity()) {
                l->needs.push_back({role, 1});
                return;
            }
            l->others = true;
            RoleNeed& last = *std::max_element(l->needs.begin(), l->needs.end(), by_role);
            if (role < last.role) last = {role, 1};
        },
        &look);
    // Work that was deleted, cancelled or given to another role needs no executor any more.
    for (const board::OwnDemand& d : look.demands) {
        if (!d.is_due) board::forget_demand(database_, d.role);
    }
    const core::Instant steady = pg::steady_now();
    reap_failed_starts(steady);
    free_slots_of_others();
    Round round{look.next_due, core::kPlusInfinity};
    // Roles beyond those have their turn soon.
    const bool full = look.needs.size() == look.needs.capacity();
    passed_ = look.others && full ? std::max_element(look.needs.begin(), look.needs.end(), by_role)->role
                                  : InvalidOid;
    if (look.others) round.retry = steady + kDemandRetry;
    // A free slot is the oldest demand's.
    std::sort(look.needs.begin(), look.needs.end(), [&look](const RoleNeed& a, const RoleNeed& b) {
        return since(&look.demands, a.role) < since(&look.demands, b.role);
    });
    for (const RoleNeed& need : look.needs) round.retry = std::min(round.retry, serve(need, now, steady));
    return round;
}

core::Instant Recruiter::rest() noexcept {
    board::forget_demands(database_);
    return core::kPlusInfinity;
}

// When to try again: nobody runs this role's jobs, and nobody could be started.
core::Instant Recruiter::serve(const RoleNeed& need, core::Instant now, core::Instant steady) {
    constexpr core::Instant kNever = core::kPlusInfinity;
    const board::RoleExecutors have = board::count_executors(database_, need.role);
    if (board::wake_executor(database_, need.role) || have.starting > 0) return kNever;
    if (have.total > 0 && board::free_slots(settings::max_executors) <= 0)
        return board::make_room(database_, need.role, now, steady);
    if (is_barred(need.role, steady)) return have.total > 0 ? kNever : find_bad(need.role)->not_before;
    const int slot = board::reserve_slot(database_, need.role, settings::max_executors, now);
    if (slot < 0) {
        if (have.total > 0) board::forget_demand(database_, need.role);
        return have.total > 0 ? kNever : steady + kDemandRetry;
    }
    return start_executor(slot, need.role) || have.total > 0 ? kNever : steady + kWorkerSlotRetry;
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
        board::free_slot(slot);
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

// health() says so until one of them works.
void Recruiter::say_failing(Oid role) {
    pg::Transaction tx;
    char text[NAMEDATALEN + 96];
    const char* name = pg::guarded([role]() -> const char* {
        const char* found = GetUserNameFromId(role, true);
        return found != nullptr ? found : "that is gone";
    });
    std::snprintf(text, sizeof(text),
                  "executors of role %s end before they have done anything: the server log says why", name);
    board::note_failing(kRunning, text);
    failing_said_ = true;
    tx.commit();
}

// An executor whose session could not begin, or that ended before it had done anything, leaves its slot as
// one that starts.
void Recruiter::reap_failed_starts(core::Instant steady) {
    for (std::size_t i = started_.size(); i-- > 0;) {
        Started& s = started_[i];
        board::SlotReading r{};
        const bool used = board::read_slot(s.slot, &r);
        const bool ours = used && r.database == database_ && r.role == s.role;
        if (ours && r.state != board::SlotState::starting && !r.proven) continue;
        if (!ours || r.state != board::SlotState::starting) {
            forget_bad(s.role);
        } else {
            if (s.handle.status() != BGWH_STOPPED) continue;
            board::free_slot(s.slot);
            Bad* b = find_bad(s.role);
            if (b == nullptr) {
                bad_.push_back({s.role, pg::SessionBar::none, 0, steady});
                b = &bad_.back();
            }
            b->not_before =
                steady + std::min(kLongestRest, core::seconds(1) * (int64{1} << std::min(b->failures, 6)));
            b->failures++;
            if (b->failures >= kFailuresToSay) say_failing(s.role);
        }
        started_.erase(started_.begin() + static_cast<std::ptrdiff_t>(i));
    }
}

// An executor that a dispatcher before this one started, and that ended after that before it had done anything: as long as
// its slot says that one starts, none is started.
void Recruiter::free_slots_of_others() const {
    for (int i = 0; i < board::kMaxSlots; i++) {
        board::SlotReading r{};
        const bool is_left = board::read_slot(i, &r) && r.state == board::SlotState::starting &&
                             r.database == database_ && r.pid == 0;
        if (is_left &&
            std::none_of(started_.begin(), started_.end(), [i](const Started& s) { return s.slot == i; }))
            board::free_starting_slot(i, database_);
    }
}

// Asked before a process is started for the role: the server would log each refusal.
bool Recruiter::is_barred(Oid role, core::Instant steady) {
    Bad* b = find_bad(role);
    if (b != nullptr && b->not_before > steady) return true;
    pg::Transaction tx;
    const pg::SessionBar bar = pg::session_bar(role, settings::superuser_handlers);
    if (bar == pg::SessionBar::none) {
        if (b != nullptr && b->bar != bar) forget_bad(role);
        tx.commit();
        return false;
    }
    if (b == nullptr) {
        bad_.push_back({role, pg::SessionBar::none, 0, steady});
        b = &bad_.back();
    }
    if (b->bar != bar) say_barred(role, bar);
    b->bar = bar;
    b->not_before = steady + kBarredRest;
    board::forget_demand(database_, role);
    tx.commit();
    return true;
}

Recruiter::Bad* Recruiter::find_bad(Oid role) {
    auto b = std::find_if(bad_.begin(), bad_.end(), [role](const Bad& x) { return x.role == role; });
    return b == bad_.end() ? nullptr : &*b;
}

void Recruiter::forget_bad(Oid role) {
    bad_.erase(std::remove_if(bad_.begin(), bad_.end(), [role](const Bad& x) { return x.role == role; }),
               bad_.end());
    const auto fails = [](const Bad& b) { return b.failures >= kFailuresToSay; };
    if (failing_said_ && std::none_of(bad_.begin(), bad_.end(), fails)) {
        failing_said_ = false;
        board::note_recovered(kRunning);
    }
}

}  // namespace foreman::worker
