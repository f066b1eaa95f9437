// claim() and worker_heartbeat(): how a worker outside the server gets work, and its share of it.
//
// needs: bundle worker on every queue named, a transaction that may write (claim).
// errors: 42501; 25006; 22023 for no queues, more than 16, qty outside 1 to 10,000, a lease outside 1 s to
// 366 days; arguments as in request/arguments.hpp. claim() never waits: rows that somebody holds are skipped. It
// looks at the database as it is now, also under REPEATABLE READ. cost: claim() one index scan per range and
// about 6 us a job; worker_heartbeat() no rows at all.
#include "api/outside/lease_arguments.hpp"
#include "api/public_function.hpp"
#include "board/queue_limits.hpp"
#include "core/fair_share.hpp"
#include "pg/memory.hpp"
#include "pg/xact.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"
#include "store/definitions/definitions.hpp"
#include "store/definitions/queue_settings.hpp"
#include "store/jobs/ageing.hpp"
#include "store/jobs/intake.hpp"
#include "store/jobs/leases.hpp"
#include "store/jobs/outside_choice.hpp"
#include "store/jobs/raise.hpp"

namespace foreman::api {

namespace {

constexpr int kMaxQty = 10000;
// Raised by claims themselves once this many rows of a range went through outside hands.
constexpr uint32 kRaiseEvery = 64;
// Under REPEATABLE READ, against others that claim the same rows at the same moment.
constexpr int kMostTries = 100;

struct Claimer {
    store::OutsideFilter filter;
    store::LeaseClaim claim;
    pg::ContextResource* memory;
    pg::vector<store::RangeSpec>* empty;  // ranges in which everything due is locked or gone
    board::RangeRef range;                // that it claims from
    bool* no_room;                        // set when the board has no room for the keys of some
};

void put_job(pg::ResultSet* rows, const store::LeasedJob& l, core::Micros length, core::Instant now) {
    const store::Job& j = l.job;
    rows->put(std::array<std::optional<Datum>, 12>{
        Int64GetDatum(j.job_id), pg::uuid_datum(l.token), pg::text_datum(j.queue), pg::text_datum(j.kind),
        j.args, Int32GetDatum(j.attempt + 1), Int32GetDatum(j.max_attempts), Int32GetDatum(j.priority),
        pg::to_datum(j.run_at), pg::to_datum(now + length), j.tags, j.metadata});
}

// How many were due; those of them whose keys are taken are not among `jobs`.
std::size_t lease(const Claimer& c, const store::RangeSpec& spec, core::Key from, int qty,
                  pg::vector<store::LeasedJob>* jobs) {
    const std::size_t before = jobs->size();
    std::size_t due = 0;
    if (board::is_keyed(spec.alone)) {
        bool no_room = false;
        store::lease_keyed_jobs(spec, from, qty, c.claim, c.memory->context(), jobs, &due, &no_room);
        board::note_room(c.range, !no_room);
        *c.no_room = *c.no_room || no_room;
        return due;
    }
    store::lease_jobs(spec, from, qty, c.claim, c.memory->context(), jobs);
    return jobs->size() - before;
}

// A transaction that keeps its first snapshot may not skip a row that changed after the statement began: the
// server raises 40001 where READ COMMITTED would look at the row again. So the statement is run again, which
// then sees the row as it is.
std::size_t lease_repeatedly(const Claimer& c, const store::RangeSpec& spec, core::Key from, int qty,
                             pg::vector<store::LeasedJob>* jobs) {
    const std::size_t before = jobs->size();
    for (int tries = 1;; tries++) {
        try {
            pg::Subtransaction sub;
            const std::size_t due = lease(c, spec, from, qty, jobs);
            sub.commit();
            return due;
        } catch (const pg::PgError& e) {
            if (e.sqlstate() != ERRCODE_T_R_SERIALIZATION_FAILURE || tries == kMostTries) throw;
            jobs->resize(before);
        }
    }
}

void turn_to_oldest(const Claimer& c, board::RangeChoice* range) {
    store::turn_to_oldest(
        range, c.claim.now,
        [](const void* arg, const board::RangeChoice& r) {
            const auto* claimer = static_cast<const Claimer*>(arg);
            return store::passes_outside(claimer->filter, claimer->claim.now,
                                         {claimer->empty->data(), claimer->empty->size()}, r);
        },
        &c);
}

// Claims from one range; false: nothing came of it, it is left out from now on.
bool claim_some(const Claimer& c, const board::RangeChoice& range, int qty,
                pg::vector<store::LeasedJob>* jobs) {
    core::Key from = range.head;
    qty = static_cast<int>(std::min(static_cast<uint32>(qty), range.most));
    if (board::raise_is_due(range.ref, kRaiseEvery)) from = store::raise_range(range.ref).value_or(from);
    const store::RangeSpec spec{range.queue_name(), range.kind_name(), range.priority, range.alone};
    const std::size_t before = jobs->size();
    const uint32 queue =
        range.ref.valid() ? board::queue_entry_of(range.ref) : board::queue_entry_of(spec.queue);
    store::Intake intake(queue, spec.queue, qty, board::Running::at_once, c.claim.now);
    const int granted = intake.places();
    Claimer mine = c;
    mine.claim.queue = queue;
    mine.range = range.ref;
    std::size_t due = 0;
    if (granted > 0)
        due = IsolationUsesXactSnapshot() ? lease_repeatedly(mine, spec, from, granted, jobs)
                                          : lease(mine, spec, from, granted, jobs);
    const std::size_t got = jobs->size() - before;
    intake.claimed(static_cast<int>(got));
    board::count_claimed(range.ref, static_cast<uint32>(due));
    board::count_ageing(range.ref, static_cast<uint32>(got));
    // raise_range() does nothing in a transaction that has an id, and a claim of keyed jobs takes one. The next
    // claim raises first then: otherwise every claim would walk over the rows that are parked or leased.
    if (due == 0 && granted > 0 && !store::raise_range(range.ref))
        board::count_claimed(range.ref, kRaiseEvery);
    if (due == static_cast<std::size_t>(granted) && granted > 0) return true;
    const auto keep = [&](std::string_view text) {
        return std::string_view(pg::copy_text(text, c.memory->context()), text.size());
    };
    c.empty->push_back({keep(spec.queue), keep(spec.kind), spec.priority, spec.alone});
    return got > 0;
}

// An id is its role's, and that of whoever may act as that role, as long as the worker is heard of.
void announce(board::Announcement worker, core::Instant now) {
    Oid owner = InvalidOid;
    switch (board::beat_worker(MyDatabaseId, worker, now, &owner)) {
        case board::Announced::yes:
            return;
        case board::Announced::full:
            throw pg::Failure(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
                              "too many outside workers of this role are registered: there are %d places",
                              board::kMaxWorkers)
                .hint(
                    "One role may use half of them, and half of what others leave. One that is not heard of "
                    "for %d seconds is free again.",
                    static_cast<int>(board::kWorkerSilence.us / USECS_PER_SEC));
        case board::Announced::taken:
            break;
    }
    if (pg::call<&has_privs_of_role>(worker.role, owner)) {
        worker.role = owner;
        return announce(worker, now);
    }
    throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE, "worker_id \"%.*s\" is in use by another role",
                      static_cast<int>(worker.id.size()), worker.id.data())
        .hint("Use another worker_id. One that is not heard of for %d seconds is free again.",
              static_cast<int>(board::kWorkerSilence.us / USECS_PER_SEC));
}

}  // namespace

FOREMAN_PUBLIC(claim) {
    store::require_writable("foreman.claim()");
    pg::Context context("foreman claim", CurrentMemoryContext);
    pg::ContextResource memory(context);
    Names queues(&memory);
    Names kinds(&memory);
    required_names(pg::optional_argument(fcinfo, 0), "queues", board::kMaxWaitedQueues, &queues);
    for (const std::string_view q : queues) {
        store::require(store::Bundle::worker, q);
        if (board::board_present()) continue;
        const store::Queue& settings = store::find_queue(q);
        if (settings.max_running > 0 || settings.rate_limit > 0)
            board::refuse_without_board("foreman.claim() from a queue with max_running or rate_limit");
    }
    const std::string_view worker = required_name(pg::optional_argument(fcinfo, 1), "worker_id");
    const int qty = static_cast<int>(required_count(pg::optional_argument(fcinfo, 2), "qty", 1, kMaxQty));
    const core::Micros length =
        optional_duration(pg::optional_argument(fcinfo, 3), "lease", kLeases).value_or(store::kDefaultLease);
    store::OutsideFilter filter{{queues.data(), queues.size()}, std::nullopt};
    if (pg::has_argument(fcinfo, 4)) {
        required_names(pg::optional_argument(fcinfo, 4), "kinds", 1000, &kinds);
        filter.kinds = std::span<const std::string_view>{kinds.data(), kinds.size()};
    }
    store::ensure_queue_settings();
    const core::Instant now = store::now();
    pg::vector<store::RangeSpec> empty(&memory);
    bool no_room = false;
    const Claimer claimer{filter, {worker, length, now}, &memory, &empty, {}, &no_room};
    pg::vector<store::LeasedJob> jobs(&memory);
    board::RangeChoice range;
    while (static_cast<int>(jobs.size()) < qty &&
           store::choose_outside(filter, now, {empty.data(), empty.size()}, &range)) {
        if (range.turn_of_oldest) turn_to_oldest(claimer, &range);
        claim_some(claimer, range, qty - static_cast<int>(jobs.size()), &jobs);
    }
    if (jobs.empty() && no_room) {
        throw pg::Failure(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
                          "there is no room for the keys of more jobs of this role that run at once")
            .hint(
                "Complete or release some, or raise foreman.board_memory: one role may use half of the keys, "
                "and half of what others leave.");
    }
    pg::ResultSet rows(fcinfo);
    for (const store::LeasedJob& l : jobs) put_job(&rows, l, length, now);
    return rows.done();
}

// Of a queue's max_running, split evenly over the live workers that declared it, the first ones taking the
// remainder; NULL: the queue has no limit. A worker that is not known yet counts itself.
FOREMAN_PUBLIC(worker_heartbeat) {
    store::require_writable("foreman.worker_heartbeat()");
    pg::Context context("foreman worker", CurrentMemoryContext);
    pg::ContextResource memory(context);
    const std::string_view worker = required_name(pg::optional_argument(fcinfo, 0), "worker_id");
    Names queues(&memory);
    required_names(pg::optional_argument(fcinfo, 1), "queues", board::kMaxWaitedQueues, &queues);
    for (const std::string_view q : queues) store::require(store::Bundle::worker, q);
    const OptionalText label = optional_name(pg::optional_argument(fcinfo, 2), "label");
    if (!board::board_present()) board::refuse_without_board("foreman.worker_heartbeat()");
    const core::Instant now = store::now();
    announce({worker, label.value_or(""), {queues.data(), queues.size()}, GetUserId()}, now);
    pg::ResultSet rows(fcinfo);
    for (const std::string_view q : queues) {
        const int32 limit = store::find_queue(q).max_running;
        std::optional<Datum> slots;
        if (limit > 0) {
            const board::WorkerPlace place = board::place_of_worker(MyDatabaseId, q, worker, now);
            slots = Int32GetDatum(core::fair_share(limit, place.workers, place.before));
        }
        rows.put(std::array<std::optional<Datum>, 2>{pg::text_datum(q), slots});
    }
    return rows.done();
}

}  // namespace foreman::api
