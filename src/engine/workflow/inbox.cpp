// See inbox.hpp.
#include "engine/workflow/inbox.hpp"

#include "board/debug_points.hpp"
#include "engine/workflow/execute.hpp"
#include "pg/error.hpp"
#include "pg/xact.hpp"
#include "store/db/clock.hpp"
#include "store/jobs/current_job.hpp"
#include "store/workflows/inputs.hpp"

namespace foreman::engine {

namespace {

constexpr int kMostAtOnce = 100;
// Who holds an instance commits soon, as a rule: a pause that grows with the time that the job has waited.
constexpr core::Micros kLeastPause = core::milliseconds(5);
constexpr core::Micros kMostPause = core::milliseconds(1000);
constexpr core::Micros kTimerPause = core::milliseconds(50);
constexpr HandleOptions kNeverWait{store::Wait::never, std::nullopt};

core::Micros growing_pause(const store::Job& job) {
    const core::Micros waited = store::now() - job.enqueued_at;
    return std::clamp(core::Micros{waited.us / 2}, kLeastPause, kMostPause);
}

void come_back_after(core::Micros pause) {
    store::Wish& wish = store::current_job().wish;
    wish.outcome = core::Outcome::busy;
    wish.run_in = pause;
}

void discard(std::string_view reason) {
    store::Wish& wish = store::current_job().wish;
    wish.outcome = core::Outcome::discarded;
    wish.reason_len = static_cast<uint16>(std::min(reason.size(), sizeof(wish.reason)));
    reason.copy(wish.reason, wish.reason_len);
}

enum class Done : uint8 {
    yes,
    busy,    // somebody else holds the instance
    no_room  // workers outside have not seen what came before; the instance is locked
};

Done handle(const store::WorkflowType& type, const store::Input& input) {
    board::debug_point(board::DebugPoint::inside_input);
    const std::optional<Handled> handled = handle_input(type, input, kNeverWait);
    if (!handled) return Done::busy;
    if (handled->repeated) return Done::yes;
    if (handled->outcome == core::InputState::pending) return Done::no_room;
    store::finish_input(
        input.input, {handled->outcome, handled->rejection, handled->first_sequence, handled->last_sequence},
        store::now(), keeps_record(type, input.input_id, handled->outcome));
    return Done::yes;
}

enum class Before : uint8 { handled, more, stopped, no_room };

// The inputs that wait before one, in their order. What goes wrong with one of them is the affair of its own job.
Before handle_earlier(const store::WorkflowType& type, const store::Input& own, int most,
                      core::Micros* pause) {
    pg::Context context("foreman inputs", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<store::Input> earlier(&memory);
    store::pending_inputs(type, own.id, own.input, most, context.get(), &earlier);
    if (earlier.empty()) return Before::handled;
    try {
        pg::Subtransaction sub;
        for (const store::Input& input : earlier) {
            if (input.failing) {
                *pause = std::max(*pause, input.retry_at - store::now());
                sub.commit();
                return Before::stopped;
            }
            const Done done = handle(type, input);
            if (done == Done::yes) continue;
            sub.commit();
            return done == Done::busy ? Before::stopped : Before::no_room;
        }
        sub.commit();
    } catch (const pg::PgError& e) {
        if (e.sqlstate() == ERRCODE_QUERY_CANCELED || e.sqlstate() == ERRCODE_ADMIN_SHUTDOWN) throw;
        return Before::stopped;
    } catch (const pg::Failure&) {
        return Before::stopped;
    }
    return earlier.size() < static_cast<std::size_t>(most) ? Before::handled : Before::more;
}

void run_input(const store::WorkflowType& type, const store::Job& job) {
    store::Input own;
    if (!store::read_input(job.origin_id, CurrentMemoryContext, &own)) return;
    if (own.state != core::InputState::pending || own.job_id != job.job_id) return;
    // The first one alone: where it is held back, thousands may be behind it.
    for (int most = 1;; most = kMostAtOnce) {
        core::Micros pause = growing_pause(job);
        const Before before = handle_earlier(type, own, most, &pause);
        if (before == Before::stopped) return come_back_after(pause);
        if (before == Before::no_room && core::keeps_its_place(own.source))
            return store::hold_inputs(type, own);
        if (before != Before::more) break;
    }
    switch (handle(type, own)) {
        case Done::yes:
            return;
        case Done::busy:
            return come_back_after(growing_pause(job));
        case Done::no_room:
            return store::hold_inputs(type, own);
    }
}

void run_timer(const store::WorkflowType& type, const store::Job& job) {
    store::Family family{};
    if (!store::read_family(job.origin_id, CurrentMemoryContext, &family)) return;
    store::Input input;
    input.source = core::InputSource::timer;
    input.id = family.id;
    input.root = family.root;
    input.payload = job.args;
    const std::optional<Handled> handled = handle_input(type, input, kNeverWait);
    if (!handled) return come_back_after(kTimerPause);
    if (!keeps_record(type, {}, handled->outcome)) return;
    store::NewInput record;
    record.id = input.id;
    record.source = input.source;
    record.payload = input.payload;
    store::record_input(
        type, record, {handled->outcome, handled->rejection, handled->first_sequence, handled->last_sequence},
        store::now());
}

}  // namespace

void run_workflow_job(const store::Job& job) {
    const store::WorkflowType& type =
        store::require_workflow_type(job.kind.substr(store::kWorkflowKind.size()));
    switch (job.origin) {
        case core::Origin::workflow_input:
            return run_input(type, job);
        case core::Origin::workflow_timer:
            return run_timer(type, job);
        default:
            return discard("it was not made by a workflow");
    }
}

}  // namespace foreman::engine
