// The executor's loop: choose the least due range, run a group of it, raise heads, rest.
// See core/range_head.hpp for heads.
#include "worker/executor.hpp"

#include <algorithm>

#include "board/debug_points.hpp"
#include "board/my_slot.hpp"
#include "board/queue_limits.hpp"
#include "board/settings.hpp"
#include "board/slots.hpp"
#include "board/unsettled.hpp"
#include "core/group_pace.hpp"
#include "engine/deferred.hpp"
#include "engine/group.hpp"
#include "engine/procedure_lane.hpp"
#include "engine/session.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/latch.hpp"
#include "pg/memory.hpp"
#include "pg/xact.hpp"
#include "store/commit/remember.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/definitions.hpp"
#include "store/jobs/intake.hpp"
#include "store/jobs/jobs.hpp"
#include "worker/interrupts.hpp"
#include "worker/memory_limit.hpp"
#include "worker/touched_ranges.hpp"

namespace foreman::worker {

namespace {

constexpr core::Micros kIdleExit = core::seconds(60);
constexpr core::Micros kLastIdleExit = core::minutes(10);

// Clears the key that this executor held alone, then lowers the head to it. The job's row is claimable again
// by now.
void give_back() noexcept {
    board::RangeRef ref;
    const core::Key key = board::slot_release(&ref);
    if (key == core::kNoKey) return;
    board::lower_head(ref, key);
}

// Rows that stay are found again, by the transaction that has them locked, when the head was lowered
// meanwhile.
void drop_claimed_before(pg::vector<store::Job>* jobs, std::size_t before) {
    const auto first = jobs->begin() + static_cast<std::ptrdiff_t>(before);
    const auto again = [&](const store::Job& j) {
        return std::any_of(jobs->begin(), first, [&j](const store::Job& k) { return k.job_id == j.job_id; });
    };
    jobs->erase(std::remove_if(first, jobs->end(), again), jobs->end());
}

// What is to be claimed from a range and run at once.
struct Chunk {
    const store::Handler& handler;
    int wanted;
    bool first;  // of its group
    bool alone;  // in its group
    core::Instant started;
};

class Executor {
  public:
    explicit Executor(const ExecutorTicket& ticket)
        : ticket_(ticket),
          ranges_(ticket.database, ticket.role),
          context_("foreman executor"),
          group_context_("foreman group", context_.get()) {}

    void loop();

  private:
    void run_one_group();
    void run_in_transaction(engine::Group& group, board::RangeChoice* procedure);
    bool run_chunk(engine::Group& group, board::RangeChoice& choice, bool first,
                   board::RangeChoice* procedure);
    bool run_claimed(engine::Group& group, board::RangeChoice& choice, const Chunk& chunk);
    void run_procedure(const board::RangeChoice& choice);
    const store::Handler& current_handler(const board::RangeChoice& choice);
    int claim(engine::Group& group, const board::RangeChoice& choice, int qty);
    void make_way_for_new_session(const board::RangeChoice& choice);
    void after_failed_group(const engine::Group& group, const store::AttemptError& error);
    bool must_end() const;
    bool rest();

    const ExecutorTicket ticket_;
    TouchedRanges ranges_;
    pg::Context context_;
    pg::Context group_context_;
    core::GroupPace pace_;
    core::Instant began_{};       // the transaction
    core::Instant idle_since_{};  // of the steady clock
    uint32 wait_event_ = 0;
    bool innocent_ = false;  // the group was given up for what is nobody's fault
};

// Inside one group the claim goes on behind what it has; a row that became claimable before that lowered the
// head.
int Executor::claim(engine::Group& group, const board::RangeChoice& choice, int qty) {
    Touched& t = ranges_.touch(choice);
    const core::Key from = choice.head == t.head ? t.from : choice.head;
    const std::size_t before = group.jobs().size();
    const store::RangeSpec range{choice.queue_name(), choice.kind_name(), choice.priority, choice.alone};
    int got = 0;
    if (board::is_keyed(choice.alone)) {
        store::claim_held(range, from, pg::clock_now(), qty, group_context_.get(), &group.jobs());
        got = static_cast<int>(group.jobs().size() - before);
        if (got > 0) t.from = group.jobs().back().key();
        drop_claimed_before(&group.jobs(), before);
    } else {
        store::claim_by_delete(range, from, pg::clock_now(), qty, group_context_.get(), &group.jobs());
        got = static_cast<int>(group.jobs().size() - before);
        if (got > 0) t.from = group.jobs().back().key();
    }
    board::debug_point(board::DebugPoint::after_claim);
    t.to_raise = true;
    t.head = choice.head;
    if (got > 0) {
        t.from.job_id++;
        board::count_ageing(choice.ref, static_cast<uint32>(got));
        t.misses = 0;
    }
    return got;
}

// The board knows of a registration from its commit on, our cache only when the invalidation arrives: when
// they differ, the table decides. Should it change again meanwhile, the dispatcher puts the board right.
const store::Handler& Executor::current_handler(const board::RangeChoice& choice) {
    const std::string_view kind = choice.kind_name();
    const std::string_view queue = choice.queue_name();
    const store::Handler& known = store::find_handler(kind, queue, choice.alone);
    if (known.exists && known.run_as == ticket_.role) return known;
    store::distrust_handlers();
    return store::find_handler(kind, queue, choice.alone);
}

// The job waits for a session that has run none. One that comes already is as good as one more.
void Executor::make_way_for_new_session(const board::RangeChoice& choice) {
    if (board::count_executors(ticket_.database, ticket_.role).starting > 0) {
        ranges_.missed(choice);
    } else {
        engine::renew_session();
    }
}

// false: the group is over. A range of lane procedure is handed to the caller, which runs it outside this
// transaction.
bool Executor::run_chunk(engine::Group& group, board::RangeChoice& choice, bool first,
                         board::RangeChoice* procedure) {
    if (choice.turn_of_oldest) ranges_.turn_to_oldest(first, &choice);
    const store::Handler& handler = current_handler(choice);
    if (!handler.exists || handler.run_as != ticket_.role) {
        board::set_range_role(choice.ref, handler.run_as);
        board::poke_dispatcher(ticket_.database, board::kPokeHandlers);
        return ranges_.choose(first, &choice);
    }
    if (board::queue_is_off_board(choice.ref) && store::find_queue(choice.queue_name()).paused) {
        ranges_.missed(choice);
        return false;
    }
    if (handler.new_session && !engine::is_session_new()) {
        make_way_for_new_session(choice);
        return false;
    }
    if (handler.lane == store::Lane::procedure) {
        if (first) *procedure = choice;
        return false;
    }
    const int max_group = handler.max_group > 0 ? handler.max_group : core::kMaxGroupJobs;
    const bool alone = board::is_alone(choice.alone) || max_group == 1 ||
                       (handler.new_session && handler.lane == store::Lane::transaction);
    if (alone && !first) return false;
    const core::Instant started = pg::clock_now();
    if (first) pace_.begin_group(started, alone ? 1 : max_group);
    const int may = alone ? 1 : std::min(pace_.next_chunk(started), max_group - group.ran());
    const int wanted = may <= 0 ? 0 : static_cast<int>(std::min(static_cast<uint32>(may), choice.most));
    if (wanted <= 0) return false;
    return run_claimed(group, choice, {handler, wanted, first, alone, started});
}

// Takes places in the queue, claims, lets those through whose keys are free, and runs them. false: as above.
bool Executor::run_claimed(engine::Group& group, board::RangeChoice& choice, const Chunk& chunk) {
    const auto& [handler, wanted, first, alone, started] = chunk;
    const board::Running running =
        handler.lane == store::Lane::batch ? board::Running::at_once : board::Running::one_after_another;
    store::Intake intake(board::queue_entry_of(choice.ref), choice.queue_name(), wanted, running, started);
    const int qty = intake.places();
    if (qty == 0) {  // full, or its rate is used up: not chosen again before that changes
        if (intake.is_on_board()) return ranges_.choose(first, &choice);
        ranges_.missed(choice);
        return false;
    }
    const std::size_t before = group.jobs().size();
    const int got = claim(group, choice, qty);
    intake.claimed(got);
    if (got < qty) ranges_.drained(choice, got > 0);
    if (got == 0) {
        ranges_.missed_locked(choice, started);
        return pg::steady_now() - began_ < core::kGroupTarget && ranges_.choose(first, &choice);
    }
    if (board::is_keyed(choice.alone)) {
        const bool room = intake.pass_gate(&group.jobs(), before);
        board::note_room(choice.ref, room);
        if (!room) ranges_.leave_for_a_while(choice);
        if (group.jobs().size() == before)  // all of them wait for their keys
            return pg::steady_now() - began_ < core::kGroupTarget && ranges_.choose(first, &choice);
    }
    if (alone) board::slot_hold(choice.ref, group.jobs().back().key());
    if (got == qty || ranges_.others_are_due()) board::wake_another(ticket_.database, ticket_.role);
    group.run(handler, group.jobs().size() > 1);
    if (handler.new_session) engine::renew_session();
    intake.not_started(group.take_unstarted());
    const core::Instant now = pg::clock_now();
    pace_.chunk_done(got, now - started, pg::subtransaction_ids(), now);
    if (alone || group.must_end() || must_end()) return false;
    return ranges_.choose(false, &choice);
}

// Before the transaction is gone; nothing: it has committed.
struct MarkOnFailure {
    bool is_over = false;
    ~MarkOnFailure() {
        if (!is_over) board::mark_unsettled();
    }
};

void Executor::run_in_transaction(engine::Group& group, board::RangeChoice* procedure) {
    pg::Transaction tx(group_context_.get());
    MarkOnFailure failure;
    (void)store::schema();
    // Its role may have become a superuser since it started; the one that would take its place is not allowed.
    if (!settings::superuser_handlers && pg::call<&superuser_arg>(ticket_.role)) engine::renew_session();
    if (engine::must_renew_session()) {  // what has changed is known once a transaction has begun
        tx.commit();
        failure.is_over = true;
        return;
    }
    ranges_.raise();
    innocent_ = false;
    board::RangeChoice choice;
    began_ = pg::steady_now();
    bool more = ranges_.choose(true, &choice);
    while (more) more = run_chunk(group, choice, group.jobs().empty(), procedure);
    group.finish();
    innocent_ = !engine::run_deferred_triggers(group);
    if (innocent_) throw pg::Failure(ERRCODE_QUERY_CANCELED, "interrupted");
    engine::refuse_spoiled_session(group.ran() > 1);
    tx.commit();
    failure.is_over = true;
}

// The transaction is gone and every claimed row waits again. Several jobs: each runs alone next, uncharged.
// One: it failed.
void Executor::after_failed_group(const engine::Group& group, const store::AttemptError& error) {
    pg::Transaction tx;
    const auto& jobs = const_cast<engine::Group&>(group).jobs();
    if (jobs.size() == 1 && innocent_) {
        // It waits again as it did.
    } else if (jobs.size() == 1) {
        engine::charge_waiting(jobs[0].job_id, error);
    } else {
        pg::ContextResource memory(group_context_);
        pg::vector<int64> ids(&memory);
        for (const store::Job& j : jobs) ids.push_back(j.job_id);
        store::set_alone({ids.data(), ids.size()});
    }
    board::mark_settled();
    tx.commit();
}

// A job of lane procedure, outside of any transaction.
void Executor::run_procedure(const board::RangeChoice& choice) {
    ranges_.touch(choice).to_raise = true;
    board::wake_another(ticket_.database, ticket_.role);
    if (engine::run_procedure_job(choice, choice.head, true) == 0) return ranges_.missed(choice);
    ranges_.touch(choice).misses = 0;
    board::count_ageing(choice.ref, 1);
    engine::reset_session(true);
}

void Executor::run_one_group() {
    group_context_.reset();
    board::RangeChoice procedure;
    procedure.ref = {};
    {
        engine::Group group(group_context_.get(), true);
        std::optional<store::AttemptError> error;
        try {
            run_in_transaction(group, &procedure);
            // One that was put back may stand at the key that others passed over while it was held.
            if (group.gave_back()) {
                give_back();
            } else {
                board::RangeRef unused;
                board::slot_release(&unused);
            }
        } catch (const pg::PgError& e) {
            if (group.jobs().empty()) throw;
            if (engine::is_failure_of_session(e.sqlstate())) {
                innocent_ = true;
                engine::renew_session();
            }
            error = engine::keep_error(e, 0, pg::clock_now(), group_context_.get());
        } catch (const pg::Failure& f) {
            if (group.jobs().empty()) throw;
            const auto keep = [this](const char* text) { return pg::copy_text(text, group_context_.get()); };
            error = store::AttemptError{
                pg::clock_now(), 0, keep(unpack_sql_state(f.sqlstate())), keep(f.message()), keep(f.detail()),
                keep(f.hint()),  ""};
        }
        if (error) {
            engine::hold_cancel();
            if (innocent_) board::mark_settled();
            board::debug_point(board::DebugPoint::before_give_back);
            give_back();
            ranges_.gave_back();
            after_failed_group(group, *error);
        }
    }
    if (procedure.ref.valid()) run_procedure(procedure);
    engine::reset_session(false);
}

bool Executor::must_end() const {
    const board::DatabaseSlot* d = board::database_slot(ticket_.database);
    return board::should_leave() != 0 || ShutdownRequestPending || !settings::enabled || d == nullptr ||
           d->stopped || engine::must_renew_session();
}

// Waits for work. false: it is time to go.
bool Executor::rest() {
    const core::Instant now = pg::clock_now();
    if (idle_since_ == core::Instant{}) {
        idle_since_ = pg::steady_now();
        pg::guarded([] {
            pgstat_report_stat(true);
            pgstat_report_activity(STATE_IDLE, nullptr);
        });
    }
    board::slot_proven();
    board::slot_idle(now);
    board::RangeChoice choice;
    if (!ranges_.choose(true, &choice) && !must_end())
        pg::wait_latch(ranges_.next_retry(kIdleExit), wait_event_);
    board::slot_busy(pg::clock_now());
    const core::Micros idle = pg::steady_now() - idle_since_;
    const int others = board::count_executors(ticket_.database, ticket_.role).total - 1;
    return !(idle >= (others > 0 ? kIdleExit : kLastIdleExit));
}

void Executor::loop() {
    wait_event_ = pg::wait_event("ForemanExecutorIdle");
    board::slot_busy(pg::clock_now());
    for (;;) {
        const bool reload = ConfigReloadPending != 0;
        attend();
        if (reload) board::leave_if_too_many(settings::max_executors);
        if (must_end()) break;
        board::RangeChoice choice;
        if (ranges_.any_to_raise() || ranges_.choose(true, &choice)) {
            if (idle_since_ != core::Instant{})
                pg::guarded([] { pgstat_report_activity(STATE_RUNNING, "foreman jobs"); });
            idle_since_ = {};
            run_one_group();
            pg::guarded([] { pgstat_report_stat(false); });
            board::slot_proven();
        } else if (!rest()) {
            break;
        }
    }
}

constinit board::Death g_death = board::Death::none;

// Before the session ends: the transaction first, then the job that was held alone goes back.
extern "C" void foreman_executor_exit(int, Datum) {
    g_death = cause_of_death();
    board::abandon_raise();
    board::ExecutorSlot* slot = board::my_slot();
    if (g_death >= board::Death::terminated && slot != nullptr && pg_atomic_read_u64(&slot->current_job) != 0)
        board::mark_unsettled();
    AbortOutOfAnyTransaction();
    const bool between = slot != nullptr && pg_atomic_read_u64(&slot->current_job) == 0;
    if (slot != nullptr && !between) board::debug_point(board::DebugPoint::before_give_back);
    // A slot that is left to the dispatcher keeps the key until its job is settled.
    if (g_death == board::Death::interrupted || between) give_back();
}

// After the session: only now may the slot be given to another process.
extern "C" void foreman_executor_gone(int, Datum) { board::detach_slot(g_death); }

}  // namespace

void executor_main(const ExecutorTicket& ticket) {
    if (!board::attach_slot(ticket.slot, ticket.database, ticket.role)) return;
    pg::guarded([] { on_shmem_exit(foreman_executor_gone, Datum{0}); });
    install_signal_handlers(true);
    const Oid database = ticket.database;
    const Oid role = ticket.role;
    engine::begin_session();
    pg::guarded([database, role] {
        BackgroundWorkerInitializeConnectionByOid(database, role, pg::compat::kBypassRoleLoginCheck);
    });
    pg::guarded([] { process_session_preload_libraries(); });
    // After the connection: exit callbacks run last in, first out, and this one has to come before the
    // session's own.
    pg::guarded([] { before_shmem_exit(foreman_executor_exit, Datum{0}); });
    record_crashes_elsewhere();
    engine::hold_cancel();
    limit_memory();
    Executor executor(ticket);
    executor.loop();
    board::slot_proven();
}

}  // namespace foreman::worker
