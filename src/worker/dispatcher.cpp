// See dispatcher.hpp. It connects as the bootstrap superuser, since the owner of our tables may not be
// allowed to log in, and works as that owner inside store/. Each duty has its own transaction and its own
// error handling: one that fails is logged once and tried again later, the others go on.
#include "worker/dispatcher.hpp"

#include <algorithm>

#include "board/databases.hpp"
#include "board/overstay.hpp"
#include "board/settings.hpp"
#include "board/slots.hpp"
#include "engine/attempts.hpp"
#include "engine/duties.hpp"
#include "engine/fire.hpp"
#include "engine/procedure_lane.hpp"
#include "engine/range_reader.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/latch.hpp"
#include "pg/server_timeouts.hpp"
#include "pg/xact.hpp"
#include "store/commit/identity.hpp"
#include "store/commit/remember.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/queue_settings.hpp"
#include "store/jobs/blocked.hpp"
#include "store/jobs/control.hpp"
#include "store/jobs/leases.hpp"
#include "store/schedules/cron_jobs.hpp"
#include "store/schedules/cron_records.hpp"
#include "store/schedules/cron_settings.hpp"
#include "store/upkeep/prune.hpp"
#include "store/upkeep/roles.hpp"
#include "store/upkeep/statistics.hpp"
#include "store/upkeep/upkeep.hpp"
#include "worker/clerk.hpp"
#include "worker/interrupts.hpp"
#include "worker/recruiter.hpp"

namespace foreman::worker {

namespace {

constexpr core::Micros kReread = core::minutes(5);
constexpr core::Micros kUpkeep = core::minutes(10);
constexpr core::Micros kUpkeepRetry = core::seconds(30);
constexpr core::Micros kSplitPause = core::seconds(60);
constexpr core::Micros kPreparedLook = core::milliseconds(500);
constexpr core::Micros kFailedRetry = core::seconds(1);
// A session that says so is about to end, and holds its job until it has.
constexpr core::Micros kOrphansLook = core::milliseconds(50);
constexpr core::Micros kOrphansWatch = core::seconds(2);
// About so long is a step of a duty that has more to do: the others and what is due go on in between.
constexpr core::Micros kStep = core::milliseconds(10);
constexpr core::Micros kRequestRetry = core::milliseconds(200);
constexpr core::Micros kBufferedRetry = core::milliseconds(200);
constexpr core::Micros kLockedRetry = core::milliseconds(100);
constexpr core::Micros kClockNoise = core::seconds(1);  // less is no clock that was set
// Linux lets a sleep be longer by a thousandth, by five of a process of low priority: the last part is a
// sleep of its own.
constexpr core::Micros kApproach = core::milliseconds(20);
constexpr int kFireSteps = 40;  // other duties wait for no more
constexpr uint32 kPokeBegin = store::kPokeDue | store::kPokeRequests | store::kPokeReread |
                              store::kPokeExecutor | store::kPokeExpiry | store::kPokeSchedules |
                              store::kPokeRecords;

class Dispatcher : Attempts {
  public:
    explicit Dispatcher(Oid database)
        : database_(database),
          slot_(store::database_slot(database)),
          recruiter_(database),
          reader_(database),
          clerk_(database) {}
    bool begin();
    void loop();

  private:
    void turn(uint32 pokes);
    core::Micros set_back(core::Instant now, core::Instant steady);
    void sleep(core::Instant wake, core::Instant pause, uint32 event) const;
    core::Instant due_work(core::Instant now);
    void load_queues();
    void look_at_identity();
    core::Instant next_expiry() const;
    core::Instant next_lease_end() const;
    core::Instant next_fire() const;
    void close_requests(uint32 generation) noexcept;
    void apply_requests(core::Instant steady, bool interrupt);
    void look_at_leases(core::Instant now);
    void prune(core::Instant now, core::Instant steady);
    void release_blocked(core::Instant now);
    void look_at_schedules(core::Instant now);
    void settle_dead();
    void look_at_prepared(bool prepared, core::Instant steady);
    void end_minute(core::Instant now);
    void count_split(core::Instant now);
    template <class Body>
    void poked_duty(uint32 poke, const char* name, Body body);

    const Oid database_;
    store::DatabaseSlot* const slot_;
    Recruiter recruiter_;
    RangeReader reader_;
    Clerk clerk_;
    store::Overstayers overstayers_;
    Troubled troubled_schedules_;
    store::Pruner pruner_;
    store::BlockedWork blocked_{true};
    store::MinuteStatistics minutes_;
    store::SplitCounter split_;
    int64 requests_after_ = PG_INT64_MIN;  // how far a pass has come, the least when none is active
    int64 requests_left_ = 0;
    uint32 requests_generation_ = 0;
    bool requests_interrupt_ = false;
    core::Instant requests_began_{};
    uint32 failed_pokes_ = 0;
    uint64 roles_seen_ = 0;
    core::Micros clocks_differ_{std::numeric_limits<int64>::min()};  // the clock less the steady one
    // Of the steady clock: pauses stay as long as they are when somebody sets the other one.
    core::Instant next_reread_{core::kPlusInfinity};
    core::Instant next_upkeep_{core::kMinusInfinity};
    core::Instant next_prune_{core::kMinusInfinity};
    core::Instant split_began_{};
    core::Instant next_split_{core::kPlusInfinity};
    core::Instant next_requests_{core::kPlusInfinity};
    core::Instant next_prepared_{core::kMinusInfinity};
    store::PreparedSet prepared_{};
    core::Instant next_follow_{core::kPlusInfinity};
    core::Instant next_recruit_{core::kPlusInfinity};
    core::Instant retry_failed_{core::kPlusInfinity};
    core::Instant next_orphans_{core::kPlusInfinity};
    core::Instant orphans_until_{core::kMinusInfinity};
    core::Instant end_of_grace_{core::kPlusInfinity};  // of handlers that run on after stop()
    bool copied_ = false;                              // nothing here may be touched
    bool said_copied_ = false;
    bool count_wanted_ = true;
    bool cron_held_ = false;  // what ran when cron.launch_active_jobs was switched off is cancelled
};

// A duty that was poked for and failed is tried again in a second, poked or not.
template <class Body>
void Dispatcher::poked_duty(uint32 poke, const char* name, Body body) {
    if (duty(name, body)) return;
    failed_pokes_ |= poke;
    retry_failed_ = pg::steady_now() + kFailedRetry;
}

// Each in a transaction of its own: one whose job cannot be settled does not keep the others from it.
void Dispatcher::settle_dead() {
    constexpr const char* kName = "pg_foreman: settling jobs of executors that ended";
    bool all = true;
    for (int i = 0; i < store::kMaxSlots; i++) {
        store::SlotReading dead{};
        if (!read_dead_executor(i, database_, &dead)) continue;
        if (attempt(kName, [&dead] { settle_dead_executor(dead); })) {
            forget_dead_executor(dead);
        } else {
            all = false;
        }
    }
    pg::Context context("foreman orphans");
    pg::ContextResource memory(context);
    pg::vector<int64> orphans(&memory);
    all &= attempt(kName, [this, &orphans] { find_orphans(database_, &orphans); });
    for (const int64 job : orphans) all &= attempt(kName, [job] { rescue_leased(job, false, ""); });
    if (all) recovered(kName);
    if (all) return;
    failed_pokes_ |= store::kPokeExecutor;
    retry_failed_ = pg::steady_now() + kFailedRetry;
}

// false: nothing to do in this database.
bool Dispatcher::begin() {
    bool there = false;
    {
        pg::Transaction tx;
        there = store::find_schema() != nullptr;
        tx.commit();
    }
    if (!there || slot_ == nullptr) {
        store::note_exit(database_, store::DispatcherExit::no_extension);
        return false;
    }
    if (!store::take_charge(database_)) {  // that of a launcher before this one still runs
        store::note_exit(database_, store::DispatcherExit::asked_to_leave);
        return false;
    }
    // The launcher probes unknown databases one at a time: this one is known from here on.
    store::set_latch(store::board().launcher_pid, store::board().launcher_procno);
    store::free_starting_slots(database_);
    minutes_.begin(pg::clock_now());
    store::note_recovered(nullptr);
    load_queues();
    look_at_identity();
    if (!copied_)
        duty("pg_foreman: charging jobs that crashed the server", [this] { charge_crashes(database_); });
    pg_atomic_fetch_or_u32(&slot_->pokes, kPokeBegin);
    return true;
}

// At the start before any executor is there: what is paused stays so over a restart.
void Dispatcher::load_queues() {
    poked_duty(store::kPokeQueues, "pg_foreman: reading settings of queues", [this] {
        if (!store::load_queue_settings()) pg_atomic_fetch_or_u32(&slot_->pokes, store::kPokeQueues);
    });
}

void Dispatcher::look_at_identity() {
    duty("pg_foreman: reading whether this database may run jobs", [this] {
        const store::Permission p = store::read_permission();
        slot_->stopped = p != store::Permission::runs;
        copied_ = p == store::Permission::copied;
        if (p == store::Permission::copied && !said_copied_) {
            pg::log(LOG, pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                                     "pg_foreman runs no jobs in this database: it is a copy of another")
                             .hint("Run SELECT foreman.start() in it to let it run jobs of its own."));
            said_copied_ = true;
        }
    });
    if (!slot_->stopped) {
        end_of_grace_ = core::kPlusInfinity;
    } else if (store::ask_to_leave(database_, 1) > 0) {
        end_of_grace_ =
            std::min(end_of_grace_, pg::steady_now() + core::milliseconds(settings::shutdown_grace_ms));
    }
}

// A request that commits in between sets the flag again after this, or is seen by its generation.
void Dispatcher::close_requests(uint32 generation) noexcept {
    pg_atomic_write_u32(&slot_->requests_open, 0);
    pg_memory_barrier();
    if (pg_atomic_read_u32(&slot_->request_generation) != generation)
        pg_atomic_write_u32(&slot_->requests_open, 1);
}

// A pass is a step at each turn. What was asked for behind its back it looks at in the next one; those of
// jobs that somebody holds wait for a while, which is longer the more of them there are.
void Dispatcher::apply_requests(core::Instant steady, bool interrupt) {
    if (requests_after_ == PG_INT64_MIN) {
        requests_generation_ = pg_atomic_read_u32(&slot_->request_generation);
        requests_left_ = 0;
        requests_began_ = steady;
        requests_interrupt_ = false;
    }
    requests_interrupt_ |= interrupt;
    store::RequestPass pass{0, 0, requests_after_, true};
    next_requests_ = steady;
    if (!duty("pg_foreman: applying requests",
              [&] { pass = store::apply_requests(requests_after_, kStep, requests_interrupt_); })) {
        requests_after_ = PG_INT64_MIN;
        next_requests_ = steady + kFailedRetry;
        return;
    }
    requests_left_ += pass.left;
    requests_after_ = pass.after;
    if (pass.more) return;
    requests_after_ = PG_INT64_MIN;
    if (requests_left_ > 0) {
        const core::Instant done = pg::steady_now();
        next_requests_ = done + kRequestRetry + (done - requests_began_);
        overstayers_.end(database_, steady, core::milliseconds(settings::cancel_grace_ms));
    } else {
        next_requests_ = core::kPlusInfinity;
        if (pg_atomic_read_u32(&slot_->request_generation) == requests_generation_)
            close_requests(requests_generation_);
    }
    if (pg_atomic_read_u32(&slot_->request_generation) != requests_generation_) next_requests_ = steady;
}

core::Instant Dispatcher::next_expiry() const {
    if (slot_->stopped) return core::kPlusInfinity;
    return core::Instant{static_cast<int64>(pg_atomic_read_u64(&slot_->next_expiry))};
}

core::Instant Dispatcher::next_lease_end() const {
    if (copied_) return core::kPlusInfinity;
    return core::Instant{static_cast<int64>(pg_atomic_read_u64(&slot_->next_lease_end))};
}

void Dispatcher::look_at_leases(core::Instant now) {
    // Infinity first: what commits meanwhile lowers it again.
    pg_atomic_write_u64(&slot_->next_lease_end, static_cast<uint64>(core::kPlusInfinity.us));
    core::Instant next = now + core::seconds(1);
    // After a failure each on its own, so that one that cannot be revived does not keep the others from it.
    for (const bool each_alone : {false, true}) {
        core::Instant seen = next;
        if (duty("pg_foreman: reviving jobs of ended leases", [this, now, &seen, each_alone] {
                revive_ended_leases(database_, now, &seen, each_alone);
            })) {
            next = seen;
            break;
        }
    }
    store::lower_instant(&slot_->next_lease_end, next);
}

void Dispatcher::end_minute(core::Instant now) {
    if (!minutes_.is_over(now)) return;
    const bool written = duty("pg_foreman: writing statistics", [this] {
        minutes_.write();
        store::measure_database();
    });
    if (written) {
        minutes_.written(now);
    } else {
        minutes_.begin(now);
    }
}

// A step at each turn, until nothing is left but what somebody has locked.
void Dispatcher::release_blocked(core::Instant now) {
    if (pg_atomic_exchange_u32(&slot_->waits_overflow, 0) != 0) {
        store::distrust_queues();  // it may be their settings that changed
        blocked_.look_at_all();
    }
    if (!duty("pg_foreman: releasing blocked jobs", [this, now] { blocked_.step(now, kStep); }))
        blocked_.undo();
}

// What may be a minute old in the views: a step at each turn. It pauses for a hundred times as long as it
// took.
void Dispatcher::count_split(core::Instant now) {
    const core::Instant steady = pg::steady_now();
    if (steady < next_split_) return;
    if (!split_.active()) {
        split_.begin(now);
        split_began_ = steady;
    }
    if (!duty("pg_foreman: counting jobs that are due later", [this] { split_.step(); })) split_.stop();
    if (split_.active()) return;
    const core::Instant done = pg::steady_now();
    next_split_ = done + std::max(kSplitPause, (done - split_began_) * 100);
}

// A pass is a step at each turn, until nothing is left: short transactions, and the other duties go on in
// between.
void Dispatcher::prune(core::Instant now, core::Instant steady) {
    if (steady < next_prune_) return;
    if (!pruner_.active()) pruner_.begin(now);
    bool more = false;
    next_prune_ = steady;
    if (!duty("pg_foreman: pruning", [this, &more] { more = pruner_.step(); })) {
        pruner_.stop();
        next_prune_ = steady + kUpkeepRetry;
    } else if (!more) {
        next_prune_ = steady + kUpkeep;
    } else if (pruner_.blocked()) {
        next_prune_ = steady + store::Pruner::kPause;
    }
}

core::Instant Dispatcher::next_fire() const {
    if (slot_->stopped || !settings::enabled) return core::kPlusInfinity;
    return core::Instant{static_cast<int64>(pg_atomic_read_u64(&slot_->next_fire))};
}

void Dispatcher::look_at_schedules(core::Instant now) {
    // Infinity first: what commits meanwhile lowers it again.
    pg_atomic_write_u64(&slot_->next_fire, static_cast<uint64>(core::kPlusInfinity.us));
    FirePass pass(now, &troubled_schedules_);
    bool more = true;
    bool done = true;
    for (int i = 0; more && done && i < kFireSteps; i++)
        done = duty("pg_foreman: firing schedules", [&pass, &more] { more = pass.step(); });
    core::Instant next = done ? now : now + kFailedRetry;
    if (done && !more) {
        // Those that could not be fired are tried again in a while; the others are not kept waiting for them.
        duty("pg_foreman: reading when schedules are due", [&pass, now, &next] {
            const store::NextFire found = store::next_fire(now);
            next = found.next;
            if (found.due) next = std::min(next, now + (pass.failed() ? kFailedRetry : kLockedRetry));
            if (store::any_buffered()) next = std::min(next, now + kBufferedRetry);
        });
    }
    store::lower_instant(&slot_->next_fire, next);
}

// Wakes and recruits executors for what is due; answers the next instant at which something becomes due.
core::Instant Dispatcher::due_work(core::Instant now) {
    next_recruit_ = core::kPlusInfinity;
    if (slot_->stopped || !settings::enabled) return recruiter_.rest();
    const Recruiter::Round round = recruiter_.look(now);
    next_recruit_ = round.retry;
    return round.next_due;
}

// By how much somebody set the clock back since the last turn; 0: nobody did.
core::Micros Dispatcher::set_back(core::Instant now, core::Instant steady) {
    const core::Micros differ = now - steady;
    const core::Micros before = std::exchange(clocks_differ_, differ);
    return differ + kClockNoise < before ? before - differ : core::Micros{0};
}

void Dispatcher::turn(uint32 pokes) {
    const core::Instant now = pg::clock_now();
    const core::Instant steady = pg::steady_now();
    const core::Micros back = set_back(now, steady);
    const bool was_set_back = back > core::Micros{0};
    if (was_set_back) {
        store::move_queue_pauses(database_, back);
        store::follow_clock_back(database_, now);
    }
    if (pokes & store::kPokeIdentity) {
        const bool was_stopped = slot_->stopped;
        look_at_identity();
        // What was loaded meanwhile told nobody.
        if (was_stopped && !slot_->stopped) {
            pokes |= kPokeBegin;
            store::forget_coolings(database_);  // a session's own clock may have set them
        }
    }
    if (steady >= end_of_grace_) {
        store::ask_to_leave(database_, 2);
        end_of_grace_ = core::kPlusInfinity;
    }
    if (pokes & store::kPokeQueues) load_queues();
    if (copied_) return;
    if (pokes & store::kPokeOrphans) orphans_until_ = steady + kOrphansWatch;
    if ((pokes & (store::kPokeExecutor | store::kPokeOrphans)) || steady >= next_orphans_) {
        settle_dead();
        next_orphans_ = steady < orphans_until_ ? steady + kOrphansLook : core::kPlusInfinity;
    }
    if ((pokes & store::kPokePrepared) || steady >= next_prepared_)
        look_at_prepared((pokes & (store::kPokePrepared | store::kPokeReread)) == store::kPokePrepared,
                         steady);
    const bool reread = (pokes & store::kPokeReread) != 0 || steady >= next_reread_;
    if (reader_.begin(now, steady, reread))
        poked_duty(store::kPokeReread, "pg_foreman: reading ranges from the rows",
                   [this, now] { reader_.step(now, kStep); });
    if (reread) {
        next_reread_ = steady + kReread;
        duty("pg_foreman: reading leases from the rows", [now] { store::load_leases(now); });
    }
    if (store::role_generation() != roles_seen_)
        duty("pg_foreman: following roles", [this] { store::follow_roles(&roles_seen_); });
    if (pokes & (store::kPokeHandlers | store::kPokeNewKinds))
        poked_duty(store::kPokeHandlers, "pg_foreman: reading handlers",
                   [this, pokes] { refresh_roles(database_, (pokes & store::kPokeHandlers) != 0, kStep); });
    if ((pokes & store::kPokeRequests) || steady >= next_requests_)
        apply_requests(steady, (pokes & store::kPokePrepared) != 0);
    if (was_set_back || now >= next_lease_end()) look_at_leases(now);
    if (reread) blocked_.look_at_all();
    if (reread || (pokes & store::kPokeBlocked) || steady >= blocked_.next()) release_blocked(now);
    end_minute(now);
    count_split(now);
    if (count_wanted_) {
        next_split_ = steady;
        duty("pg_foreman: counting jobs", [this] {
            store::recount_queues();
            store::measure_database();
            pg_atomic_write_u32(&slot_->counted, 1);
            count_wanted_ = false;
        });
    }
    // A database that is being restored is stopped: what follows would come in the way.
    if (slot_->stopped) return;
    if (pokes & store::kPokeRecords) clerk_.wake();
    clerk_.keep(steady);
    if ((pokes & store::kPokeReread) || steady >= next_follow_) {
        bool all = false;
        duty("pg_foreman: following cron.job", [&all] { all = store::follow_cron_jobs() >= 0; });
        next_follow_ = all ? core::kPlusInfinity : steady + kFailedRetry;
    }
    if (!settings::cron_launch_active_jobs && !std::exchange(cron_held_, true))
        duty("pg_foreman: cancelling jobs of cron.job", [] { store::cancel_cron_runs(); });
    if (settings::cron_launch_active_jobs) cron_held_ = false;
    if (settings::enabled && (was_set_back || (pokes & store::kPokeReread) || now >= next_fire()))
        look_at_schedules(now);
    if ((pokes & store::kPokeReread) || now >= next_expiry())
        duty("pg_foreman: expiring jobs", [this, now] { expire_due(slot_, now); });
    if (steady >= next_upkeep_) {
        next_upkeep_ = steady + kUpkeep;
        bool made = false;
        duty("pg_foreman: making partitions", [now, &made] {
            store::make_partitions(now);
            made = true;
        });
        // Somebody reads history for long: soon again, but its readers and writers queue behind each try.
        if (!made) next_upkeep_ = steady + kUpkeepRetry;
        duty("pg_foreman: pruning runs of schedules", [now] {
            store::prune_runs(now);
            store::prune_notes(now);
        });
        clerk_.wake();  // were it ended by somebody and not ours
    }
    prune(now, steady);
}

// An apply worker commits prepared transactions without a command that the utility hook would see. As long as
// one is there, its end is looked for; `prepared`: one was made, and may have ended before this look.
void Dispatcher::look_at_prepared(bool prepared, core::Instant steady) {
    store::PreparedSet found = prepared_;
    next_prepared_ = steady + kPreparedLook;
    const bool looked = duty("pg_foreman: looking at prepared transactions",
                             [&found] { found = store::prepared_transactions(); });
    if (prepared || found != prepared_) store::distrust_heads();
    prepared_ = found;
    if (looked && found.count == 0) next_prepared_ = core::kPlusInfinity;
}

// Sleeps until `wake`, until `pause` of the steady clock, or until it is wanted. Nobody tells when the clock
// is set: it looks itself.
void Dispatcher::sleep(core::Instant wake, core::Instant pause, uint32 event) const {
    for (;;) {
        const core::Instant now = pg::clock_now();
        const core::Instant steady = pg::steady_now();
        if (now - steady + kClockNoise < clocks_differ_) return;  // set back
        core::Micros left = std::min(wake - now, pause - steady);
        if (left <= core::Micros{0}) return;
        if (left > kApproach + kApproach) left = left - kApproach;
        if (pg::wait_latch(std::min(left, core::kClockLook), event) == pg::Wake::latch) return;
    }
}

void Dispatcher::loop() {
    const uint32 event = pg::wait_event("ForemanDispatcherIdle");
    for (;;) {
        attend();
        if (ShutdownRequestPending) return;
        // Before the look: what is poked from here on is seen next time.
        pg_atomic_write_u64(&slot_->next_wake, static_cast<uint64>(core::kMinusInfinity.us));
        uint32 pokes = pg_atomic_exchange_u32(&slot_->pokes, 0);
        if (pg::steady_now() >= retry_failed_) {
            pokes |= std::exchange(failed_pokes_, 0);
            retry_failed_ = core::kPlusInfinity;
        }
        turn(pokes);
        pg::guarded([] { pgstat_report_stat(false); });
        const core::Instant due = due_work(pg::clock_now());
        const core::Instant poll = pg::steady_now() + core::milliseconds(settings::poll_interval_ms);
        const core::Instant pause = std::min(
            {poll, next_requests_, blocked_.next(), next_recruit_, end_of_grace_, retry_failed_,
             next_orphans_,
             copied_ ? core::kPlusInfinity : std::min({next_split_, next_prepared_, reader_.next_steady()}),
             slot_->stopped ? core::kPlusInfinity : std::min({next_prune_, next_follow_, clerk_.retry()})});
        const core::Instant wake =
            std::min({due, next_expiry(), next_lease_end(), next_fire(),
                      copied_ ? core::kPlusInfinity : std::min(minutes_.end_of_minute(), reader_.next())});
        pg_atomic_write_u64(&slot_->next_wake, static_cast<uint64>(wake.us));
        pg_memory_barrier();
        if (pg_atomic_read_u32(&slot_->pokes) != 0) continue;
        {
            // A commit between due_work() and the store of next_wake saw next_wake = -infinity and did not poke
            // this process: look once more before sleeping.
            const core::Instant again = due_work(pg::clock_now());
            if (again < wake) continue;
        }
        pg::guarded([] {
            AcceptInvalidationMessages();
            pgstat_report_activity(STATE_IDLE, nullptr);
        });
        {
            pg::Transaction tx;
            const bool gone = store::find_schema() == nullptr;
            tx.commit();
            if (gone) {
                store::note_exit(database_, store::DispatcherExit::no_extension);
                store::ask_to_leave(database_, 2);
                return;
            }
        }
        sleep(wake, pause, event);
    }
}

// Ended by hand or to make room for a command, it may start again at once; what it noted itself stays.
extern "C" void foreman_dispatcher_exit(int, Datum database) {
    const Oid oid = DatumGetObjectId(database);
    store::abandon_raise();
    if (cause_of_death() != store::Death::own_fault &&
        store::read_exit(oid) == store::DispatcherExit::crashed)
        store::note_exit(oid, store::DispatcherExit::asked_to_leave);
    if (store::DatabaseSlot* d = store::database_slot(oid); d != nullptr && d->pid == MyProcPid) {
        d->pid = 0;
        d->procno = -1;
        d->has_extension = false;
    }
    store::set_latch(store::board().launcher_pid, store::board().launcher_procno);
}

}  // namespace

void dispatcher_main(Oid database) {
    install_signal_handlers(false);
    pg::guarded([database] { before_shmem_exit(foreman_dispatcher_exit, ObjectIdGetDatum(database)); });
    pg::guarded([database] { BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0); });
    pg::lift_session_limits();
    // The flight recorder names a culprit once: its charge has to reach the disk before the job crashes the
    // server again. No standby is waited for.
    pg::guarded([] { SetConfigOption("synchronous_commit", "local", PGC_SUSET, PGC_S_OVERRIDE); });
    Dispatcher dispatcher(database);
    if (!dispatcher.begin()) return;
    // What a crash takes back of this process from now on, rows say still: it is done again. Whatever was
    // built on it in other sessions comes later in the log, and is gone as well.
    pg::guarded([] { SetConfigOption("synchronous_commit", "off", PGC_SUSET, PGC_S_OVERRIDE); });
    dispatcher.loop();
}

}  // namespace foreman::worker
