// See dispatcher.hpp. It connects as the bootstrap superuser, since the owner of our tables may not be
// allowed to log in, and works as that owner inside store/. What it does stands in duty_table.cpp; here is
// when: it asks the duties in turn, has executors woken for what is due, and sleeps.
#include "worker/dispatcher.hpp"

#include <algorithm>

#include "board/databases.hpp"
#include "board/settings.hpp"
#include "board/slots.hpp"
#include "engine/duties.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/latch.hpp"
#include "pg/memory.hpp"
#include "pg/server_timeouts.hpp"
#include "pg/xact.hpp"
#include "store/db/release.hpp"
#include "store/db/schema.hpp"
#include "store/jobs/leases.hpp"
#include "store/jobs/unwritten.hpp"
#include "worker/duty.hpp"
#include "worker/duty_state.hpp"
#include "worker/interrupts.hpp"
#include "worker/recruiter.hpp"

namespace foreman::worker {

namespace {

constexpr core::Micros kClockNoise = core::seconds(1);  // less is no clock that was set
// Linux lets a sleep be longer by a thousandth, by five of a process of low priority: the last part is a
// sleep of its own.
constexpr core::Micros kApproach = core::milliseconds(20);

// A job that this process makes again and again (of a schedule, of a projection) and that crashes the server at once
// would be lost with each crash, and never charged: those of the first seconds are on the disk before they run.
constexpr core::Micros kDurable = core::seconds(10);

class Dispatcher {
  public:
    explicit Dispatcher(Oid database) : database_(database), state_(database), recruiter_(database) {}
    bool begin();
    void loop();

  private:
    bool is_open(While open) const noexcept;
    core::Instant due(const Duty& duty) const;
    void ask(std::size_t i, Turn* turn);
    void turn(uint32 pokes);
    void commit_lazily_later();
    core::SleepBounds bounds() const;
    core::Micros set_back(core::Instant now, core::Instant steady);
    void sleep(const core::SleepBounds& until, uint32 event) const;
    bool may_sleep(core::SleepBounds* until);
    core::Instant due_work();
    bool extension_is_gone() const;
    void say_what_does_not_fit() const;
    void write_last_leases();

    const Oid database_;
    DutyState state_;
    pg::static_vector<core::DutyTimes, kMostDuties> times_;  // of the entries of duties()
    Recruiter recruiter_;
    core::Instant next_recruit_{core::kPlusInfinity};                // steady clock
    core::Instant lazy_from_{pg::steady_now() + kDurable};           // steady clock
    core::Micros clocks_differ_{std::numeric_limits<int64>::min()};  // the clock less the steady one
};

// false: nothing to do in this database.
bool Dispatcher::begin() {
    say_what_does_not_fit();
    if (state_.slot == nullptr || extension_is_gone()) {
        board::note_exit(database_, board::DispatcherExit::no_extension);
        return false;
    }
    if (!board::take_charge(database_)) {  // that of a launcher before this one still runs
        board::note_exit(database_, board::DispatcherExit::asked_to_leave);
        return false;
    }
    // The launcher probes unknown databases one at a time: this one is known from here on.
    board::set_latch(board::board().launcher_pid, board::board().launcher_procno);
    board::free_starting_slots(database_);
    state_.minutes.begin(pg::clock_now());
    board::note_recovered(nullptr);
    for (const Duty& duty : duties()) times_.push_back(core::DutyTimes(duty.at_start));
    // Before any executor is there: what is paused stays so over a restart.
    Turn first{pg::clock_now(), pg::steady_now(), board::kPokeIdentity | board::kPokeQueues, nullptr};
    for (std::size_t i = 0; i < duties().size(); i++) {
        if (duties()[i].open == While::always) ask(i, &first);
    }
    if (!state_.copied)
        state_.duty("pg_foreman: charging jobs that crashed the server",
                    [this] { engine::charge_crashes(database_); });
    pg_atomic_fetch_or_u32(&state_.slot->pokes, kPokeBegin);
    return true;
}

bool Dispatcher::is_open(While open) const noexcept {
    switch (open) {
        case While::always:
            return true;
        case While::ours:
            return !state_.copied;
        case While::started:
            return !state_.slot->stopped;
        case While::enabled:
            return !state_.slot->stopped && settings::enabled;
    }
    return false;
}

core::Instant Dispatcher::due(const Duty& duty) const {
    return duty.due != nullptr ? duty.due(state_) : core::kPlusInfinity;
}

void Dispatcher::ask(std::size_t i, Turn* turn) {
    const Duty& duty = duties()[i];
    turn->name = duty.name;
    const core::Again again = duty.run(state_, *turn);
    times_[i].answered(again, duty.period, duty.retry, pg::steady_now());
}

void Dispatcher::turn(uint32 pokes) {
    Turn turn{pg::clock_now(), pg::steady_now(), pokes, nullptr};
    if (const core::Micros back = set_back(turn.now, turn.steady); back > core::Micros{0}) {
        board::move_queue_pauses(database_, back);
        board::follow_clock_back(database_, turn.now);
        turn.pokes |= kPokeSetBack;
    }
    for (std::size_t i = 0; i < duties().size(); i++) {
        const Duty& duty = duties()[i];
        if (!is_open(duty.open)) continue;  // one before it may have changed that
        if ((turn.pokes & duty.pokes) != 0 || times_[i].is_due(due(duty), turn.now, turn.steady))
            ask(i, &turn);
    }
}

core::SleepBounds Dispatcher::bounds() const {
    core::SleepBounds until;
    const core::Instant now = pg::clock_now();
    for (std::size_t i = 0; i < duties().size(); i++) {
        const Duty& duty = duties()[i];
        if (is_open(duty.open)) times_[i].bound(due(duty), now, &until);
    }
    // What nobody told is found then.
    const core::Instant poll = pg::steady_now() + core::milliseconds(settings::poll_interval_ms);
    until.pause = std::min({until.pause, poll, next_recruit_});
    return until;
}

// Wakes and recruits executors for what is due; answers the next instant at which something becomes due.
core::Instant Dispatcher::due_work() {
    next_recruit_ = core::kPlusInfinity;
    if (!is_open(While::enabled)) return recruiter_.rest();
    const Recruiter::Round round = recruiter_.look(pg::clock_now());
    next_recruit_ = round.retry;
    return round.next_due;
}

// What a crash takes back of this process from then on, rows say still: it is done again. Whatever was built on it in
// other sessions comes later in the log, and is gone as well.
void Dispatcher::commit_lazily_later() {
    if (pg::steady_now() < lazy_from_) return;
    lazy_from_ = core::kPlusInfinity;
    pg::guarded([] { SetConfigOption("synchronous_commit", "off", PGC_SUSET, PGC_S_OVERRIDE); });
}

// By how much somebody set the clock back since the last turn; 0: nobody did.
core::Micros Dispatcher::set_back(core::Instant now, core::Instant steady) {
    const core::Micros differ = now - steady;
    const core::Micros before = std::exchange(clocks_differ_, differ);
    return differ + kClockNoise < before ? before - differ : core::Micros{0};
}

// Sleeps until one of the bounds, or until it is wanted. Nobody tells when the clock is set: it looks itself.
void Dispatcher::sleep(const core::SleepBounds& until, uint32 event) const {
    for (;;) {
        const core::Instant now = pg::clock_now();
        const core::Instant steady = pg::steady_now();
        if (now - steady + kClockNoise < clocks_differ_) return;  // set back
        core::Micros left = std::min(until.wake - now, until.pause - steady);
        if (left <= core::Micros{0}) return;
        if (left > kApproach + kApproach) left = left - kApproach;
        if (pg::wait_latch(std::min(left, core::kClockLook), event) == pg::Wake::latch) return;
    }
}

// Publishes until when it sleeps, so that whoever has something earlier wakes it. false: something came.
bool Dispatcher::may_sleep(core::SleepBounds* until) {
    const core::Instant work = due_work();
    *until = bounds();
    until->wake = std::min(until->wake, work);
    state_.slot->next_wake.set(until->wake);
    pg_memory_barrier();
    if (pg_atomic_read_u32(&state_.slot->pokes) != 0) return false;
    // A commit between the look and the store of next_wake saw next_wake = -infinity and did not poke this
    // process: look once more before sleeping.
    const core::Instant again = due_work();
    const core::SleepBounds now = bounds();
    return std::min(again, now.wake) >= until->wake && now.pause >= until->pause;
}

bool Dispatcher::extension_is_gone() const {
    pg::Transaction tx;
    const bool gone = store::find_schema() == nullptr;
    tx.commit();
    return gone;
}

// The launcher starts no other dispatcher here before ALTER EXTENSION or its own next start: once, not every minute.
void Dispatcher::say_what_does_not_fit() const {
    pg::Transaction tx;
    if (const auto other = store::find_misfit()) pg::log(WARNING, store::misfit_failure(*other));
    tx.commit();
}

// After a shutdown only the rows know who holds a job.
void Dispatcher::write_last_leases() {
    if (!board::any_unwritten() || extension_is_gone()) return;
    state_.duty("pg_foreman: writing leases into their rows", [] {
        store::write_leases(core::kPlusInfinity - board::kWrittenAfter, board::board().leases.capacity);
    });
}

void Dispatcher::loop() {
    const uint32 event = pg::wait_event("ForemanDispatcherIdle");
    for (;;) {
        attend();
        if (ShutdownRequestPending) {
            write_last_leases();
            return;
        }
        commit_lazily_later();
        // Before the look: what is poked from here on is seen next time.
        state_.slot->next_wake.set(core::kMinusInfinity);
        turn(pg_atomic_exchange_u32(&state_.slot->pokes, 0));
        pg::guarded([] { pgstat_report_stat(false); });
        core::SleepBounds until;
        if (!may_sleep(&until)) continue;
        pg::guarded([] {
            AcceptInvalidationMessages();
            pgstat_report_activity(STATE_IDLE, nullptr);
        });
        if (extension_is_gone()) {
            board::note_exit(database_, board::DispatcherExit::no_extension);
            board::ask_to_leave(database_, 2);
            return;
        }
        sleep(until, event);
    }
}

// Ended by hand or to make room for a command, it may start again at once; what it noted itself stays.
extern "C" void foreman_dispatcher_exit(int, Datum database) {
    const Oid oid = DatumGetObjectId(database);
    board::abandon_raise();
    if (cause_of_death() != board::Death::own_fault &&
        board::read_exit(oid) == board::DispatcherExit::crashed)
        board::note_exit(oid, board::DispatcherExit::asked_to_leave);
    if (board::DatabaseSlot* d = board::database_slot(oid); d != nullptr && d->pid == MyProcPid) {
        d->pid = 0;
        d->procno = -1;
        d->has_extension = false;
    }
    board::set_latch(board::board().launcher_pid, board::board().launcher_procno);
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
    dispatcher.loop();
}

}  // namespace foreman::worker
