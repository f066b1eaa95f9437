// The engine's loops as SQL functions that do one pass in the caller's transaction: run_once(), drain(),
// dispatch_once(), ... Run functions run only kinds whose run_as is the session's user, and count a failing
// job's attempt at once.
#include <algorithm>

#include "board/queue_limits.hpp"
#include "board/settings.hpp"
#include "core/validate.hpp"
#include "engine/duties.hpp"
#include "engine/fire.hpp"
#include "engine/group.hpp"
#include "engine/procedure_lane.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/entry.hpp"
#include "pg/latch.hpp"
#include "pg/xact.hpp"
#include "store/commit/identity.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"
#include "store/feed/projections.hpp"
#include "store/jobs/blocked.hpp"
#include "store/jobs/current_job.hpp"
#include "store/jobs/intake.hpp"
#include "store/jobs/requests.hpp"
#include "store/upkeep/prune.hpp"
#include "store/upkeep/upkeep.hpp"

namespace foreman::api {

namespace {

constexpr int kMaxSeen = 100000;
constexpr int kExpireBatch = 1000;

// A pass of this session over the rows: ranges are read from the index, not from the board.
class Pass {
  public:
    Pass(std::optional<std::string_view> queue, store::Which which, MemoryContext context)
        : queue_(queue),
          which_(which),
          memory_(context),
          seen_(&memory_),
          cooling_(&memory_),
          context_(context) {}

    int64 run(int64 max_jobs);

  private:
    bool choose(store::RangeRow* best);
    int64 run_some(const store::RangeRow& range, int64 most);
    bool is_mine(const store::Handler& h) const;
    bool is_closed(std::string_view queue, core::Instant now) const;

    std::optional<std::string_view> queue_;
    store::Which which_;
    pg::ContextResource memory_;
    pg::vector<int64> seen_;                // jobs of this pass: none gets a second attempt
    pg::vector<std::string_view> cooling_;  // queues that a job of this pass throttled
    MemoryContext context_;
};

bool Pass::is_mine(const store::Handler& h) const {
    return h.exists && h.lane != store::Lane::procedure && h.run_as == GetSessionUserId() &&
           GetUserId() == GetSessionUserId();
}

// Paused, or cooling down.
bool is_closed(std::string_view queue, core::Instant now) {
    return store::find_queue(queue).paused || board::read_cooling(MyDatabaseId, queue).until > now;
}

bool Pass::is_closed(std::string_view queue, core::Instant now) const {
    return api::is_closed(queue, now) || std::find(cooling_.begin(), cooling_.end(), queue) != cooling_.end();
}

// The least due range of ours that has a job this pass has not seen.
bool Pass::choose(store::RangeRow* best) {
    store::RangeRow row{};
    bool found = false;
    const core::Instant now = store::now();
    for (bool more = store::next_range(&row, true); more; more = store::next_range(&row, false)) {
        if (row.first.run_at > now.us) continue;
        const store::RangeSpec spec = row.spec();
        if ((queue_ && spec.queue != *queue_) ||
            !is_mine(store::find_handler(spec.kind, spec.queue, spec.alone)))
            continue;
        if (!store::may(store::Bundle::operate, spec.queue) || is_closed(spec.queue, now)) continue;
        if (which_ == store::Which::timers && !board::is_keyed(spec.alone)) continue;
        row.first = store::first_unseen(spec, now, {seen_.data(), seen_.size()}, which_);
        if (row.first == core::kNoKey) continue;
        if (found &&
            (row.priority > best->priority || (row.priority == best->priority && !(row.first < best->first))))
            continue;
        *best = row;
        found = true;
    }
    return found;
}

int64 Pass::run_some(const store::RangeRow& range, int64 most) {
    pg::Context context("foreman pass", context_);
    const store::Handler handler = store::find_handler(range.spec().kind, range.spec().queue, range.alone);
    if (!is_mine(handler)) return -1;  // registered anew since it was chosen
    engine::Group group(context.get(), false);
    const board::Running running =
        handler.lane == store::Lane::batch ? board::Running::at_once : board::Running::one_after_another;
    const int wanted =
        static_cast<int>(std::min<int64>(most, handler.lane == store::Lane::batch ? core::kMaxChunk : 1));
    const std::string_view queue = range.spec().queue;
    store::Intake intake(board::queue_entry_of(queue), queue, wanted, running, store::now());
    const int qty = intake.places();
    if (qty == 0) {  // full, or its rate is used up
        cooling_.push_back({pg::copy_text(queue, context_), queue.size()});
        return 0;
    }
    if (board::is_keyed(range.alone)) {
        store::claim_held(range.spec(), range.first, store::now(), qty, context.get(), &group.jobs(), which_);
    } else {
        store::claim_by_delete(range.spec(), range.first, store::now(), qty, context.get(), &group.jobs());
    }
    intake.claimed(static_cast<int>(group.jobs().size()));
    if (group.jobs().empty()) return -1;
    for (const store::Job& j : group.jobs()) seen_.push_back(j.job_id);
    intake.pass_gate(&group.jobs(), 0);
    const int64 claimed = static_cast<int64>(group.jobs().size());
    {
        const pg::CurrentScope scope(context);
        if (claimed > 0) group.run(handler, false);
        group.finish();
    }
    if (group.throttled()) {
        cooling_.push_back({pg::copy_text(queue, context_), queue.size()});
    }
    return claimed;
}

int64 Pass::run(int64 max_jobs) {
    int64 ran = 0;
    store::RangeRow range{};
    while (ran < max_jobs && choose(&range)) {
        pg::check_interrupts();
        const int64 n = run_some(range, max_jobs - ran);
        if (n < 0) break;  // what is due is in somebody else's hands
        ran += n;
        if (seen_.size() > kMaxSeen) break;
    }
    return ran;
}

// The least due range of lane procedure that the user may run and that has a job not in `seen`.
bool choose_procedure(Oid user, const pg::vector<int64>& seen, board::RangeChoice* choice) {
    pg::Transaction tx;
    const core::Instant now = store::now();
    store::RangeRow row{};
    bool found = false;
    for (bool more = store::next_range(&row, true); more; more = store::next_range(&row, false)) {
        const store::RangeSpec spec = row.spec();
        const store::Handler& h = store::find_handler(spec.kind, spec.queue, spec.alone);
        if (row.first.run_at > now.us || !h.exists || h.lane != store::Lane::procedure || h.run_as != user)
            continue;
        if (!store::may(store::Bundle::operate, spec.queue) || is_closed(spec.queue, now)) continue;
        const core::Key first = store::first_unseen(spec, now, {seen.data(), seen.size()});
        if (first == core::kNoKey ||
            (found && std::pair(row.priority, first) >= std::pair(choice->priority, choice->head)))
            continue;
        store::describe_row(row, first, choice);
        found = true;
    }
    tx.commit();
    return found;
}

constinit bool g_runs_procedures = false;

// A session that ends inside run_procedures_once() leaves a leased job behind.
extern "C" void foreman_pass_exit(int, Datum) {
    if (g_runs_procedures && board::board_present())
        board::poke_dispatcher(MyDatabaseId, board::kPokeOrphans);
}

class RunsProcedures {
  public:
    RunsProcedures() {
        static constinit bool registered = false;
        if (!registered) pg::guarded([] { before_shmem_exit(foreman_pass_exit, Datum{0}); });
        registered = true;
        g_runs_procedures = true;
    }
    RunsProcedures(const RunsProcedures&) = delete;
    RunsProcedures& operator=(const RunsProcedures&) = delete;
    ~RunsProcedures() { g_runs_procedures = false; }
};

std::optional<std::string_view> queue_argument(FunctionCallInfo fcinfo, int index) {
    const std::optional<std::string_view> queue = pg::text_argument(fcinfo, index);
    if (queue) {
        const auto checked = core::check_name("queue", queue);
        if (!checked.ok())
            throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "queue \"%s\" is not a name",
                              checked.error().value)
                .hint("Allowed: %s.", checked.error().allowed);
    }
    return queue;
}

// One job at a time is the current one, with one deadline.
void check_may_run(const char* function) {
    if (!settings::superuser_handlers && pg::call<&superuser_arg>(GetSessionUserId()))
        throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE, "%s cannot run handlers as a superuser", function)
            .detail("Work as superusers is disallowed when foreman.superuser_handlers is set to off.")
            .hint("Call it in a session of the role of the handlers.");
    if (!store::current_job().inside) return;
    throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "%s cannot be called inside a handler",
                      function)
        .hint("Enqueue a job instead.");
}

int64 run_pass(std::optional<std::string_view> queue, store::Which which, const char* function,
               int64 max_jobs) {
    store::require_writable(function);
    check_may_run(function);
    (void)store::schema();
    pg::Context context("foreman pass", CurrentMemoryContext);
    return Pass(queue, which, context.get()).run(max_jobs);
}

void require_operator(const char* function) {
    store::require_writable(function);
    store::require_all(store::Bundle::operate);
}

}  // namespace

FOREMAN_FUNCTION(run_once) {
    if (!pg::has_argument(fcinfo, 1))
        throw pg::Failure(ERRCODE_NULL_VALUE_NOT_ALLOWED, "max_jobs must not be NULL")
            .hint("Allowed: 1 or more.");
    const int32 max_jobs = DatumGetInt32(pg::argument(fcinfo, 1));
    if (max_jobs < 1)
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "max_jobs %d is out of range", max_jobs)
            .hint("Allowed: 1 or more.");
    return Int64GetDatum(
        run_pass(queue_argument(fcinfo, 0), store::Which::all, "foreman.run_once()", max_jobs));
}

FOREMAN_FUNCTION(drain) {
    return Int64GetDatum(
        run_pass(queue_argument(fcinfo, 0), store::Which::all, "foreman.drain()", PG_INT64_MAX));
}

FOREMAN_FUNCTION(fire_timers_once) {
    return Int64GetDatum(
        run_pass(std::nullopt, store::Which::timers, "foreman.fire_timers_once()", PG_INT64_MAX));
}

FOREMAN_FUNCTION(dispatch_once) {
    require_operator("foreman.dispatch_once()");
    const int64 done = store::apply_requests(PG_INT64_MIN, core::Micros{PG_INT64_MAX}).applied;
    const int64 expired = engine::expire_due(nullptr, store::now(), kExpireBatch);
    int64 feed = 0;
    if (board::board_present()) {
        pg::ContextResource memory(CurrentMemoryContext);
        pg::vector<store::ProjectionWatch> projections(&memory);
        feed = store::look_for_work(&projections).made;
    }
    // This transaction may fail, or go on for long: the hints stay with the dispatcher.
    store::BlockedWork blocked(false);
    blocked.look_at_all();
    return Int64GetDatum(done + expired + feed + blocked.step(store::now(), core::Micros{PG_INT64_MAX}));
}

FOREMAN_FUNCTION(rescue_once) {
    require_operator("foreman.rescue_once()");
    core::Instant next{};
    const int64 revived =
        engine::revive_ended_leases(MyDatabaseId, store::now(), core::Micros{PG_INT64_MAX}, &next);
    return Int64GetDatum(revived + (board::board_present() ? engine::settle_dead_executors(MyDatabaseId)
                                                           : engine::rescue_orphans(MyDatabaseId)));
}

FOREMAN_FUNCTION(prune_once) {
    require_operator("foreman.prune_once()");
    store::make_partitions(store::kHistory, store::now());
    store::Pruner pruner;
    pruner.begin(store::now());
    while (pruner.step()) {
        pg::check_interrupts();
        if (pruner.blocked()) pg::wait_latch(store::Pruner::kPause, pg::wait_event("ForemanPrune"));
    }
    pg::ResultSet rows(fcinfo);
    for (const store::Pruned& p : pruner.removed()) {
        std::array<std::optional<Datum>, 3> v;
        v[0] = pg::text_datum(p.what);
        if (p.queue.len > 0) v[1] = pg::text_datum({p.queue.text, p.queue.len});
        v[2] = Int64GetDatum(p.rows);
        rows.put(v);
    }
    store::RunPruner run_pruner;
    while (run_pruner.step(store::now())) pg::check_interrupts();
    if (const int64 runs = run_pruner.removed(); runs > 0)
        rows.put(std::array<std::optional<Datum>, 3>{pg::text_datum("runs of schedules"), std::nullopt,
                                                     Int64GetDatum(runs)});
    return rows.done();
}

FOREMAN_FUNCTION(fire_schedules_once) {
    require_operator("foreman.fire_schedules_once()");
    engine::Troubled troubled;
    engine::FirePass pass(store::now(), &troubled);
    while (pass.step()) {
    }
    return Int64GetDatum(pass.fired());
}

FOREMAN_FUNCTION(run_procedures_once) {
    store::require_writable("foreman.run_procedures_once()");
    check_may_run("foreman.run_procedures_once()");
    const Oid user = GetSessionUserId();
    const pg::Context context("foreman procedures");
    pg::ContextResource memory(context.get());
    pg::vector<int64> seen(&memory);
    const pg::BetweenTransactions between(fcinfo, "foreman.run_procedures_once()");
    const RunsProcedures runs;
    for (board::RangeChoice choice; choose_procedure(user, seen, &choice);) {
        const int64 ran = engine::run_procedure_job(choice, choice.head, false);
        if (ran == 0) break;
        seen.push_back(ran);
    }
    return Datum{0};
}

}  // namespace foreman::api
