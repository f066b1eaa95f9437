// claim() and worker_heartbeat(): how a worker outside the server gets work, and its share of it.
//
// needs: bundle worker on every queue named, a transaction that may write (claim).
// errors: 42501; 25006; 22023 for no queues, more than 16, qty outside 1 to 10,000, a lease outside 1 s to
// 366 days; arguments as in request/arguments.hpp. claim() never waits: rows that somebody holds are skipped. It
// looks at the database as it is now, also under REPEATABLE READ. cost: claim() one index scan per range and
// about 6 us a job; worker_heartbeat() no rows at all.
#include "api/outside/empty_handed.hpp"
#include "api/outside/lease_arguments.hpp"
#include "api/public_function.hpp"
#include "board/queue_limits.hpp"
#include "core/fair_share.hpp"
#include "engine/outside_claim.hpp"
#include "pg/memory.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"
#include "store/definitions/definitions.hpp"

namespace foreman::api {

namespace {

constexpr int kMaxQty = 10000;

void put_job(pg::ResultSet* rows, const store::LeasedJob& l, core::Micros length, core::Instant now) {
    const store::Job& j = l.job;
    rows->put(std::array<std::optional<Datum>, 12>{
        Int64GetDatum(j.job_id), pg::uuid_datum(l.token), pg::text_datum(j.queue), pg::text_datum(j.kind),
        j.args, Int32GetDatum(j.attempt + 1), Int32GetDatum(j.max_attempts), Int32GetDatum(j.priority),
        pg::to_datum(j.run_at), pg::to_datum(now + length), j.tags, j.metadata});
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
    const core::Instant now = store::now();
    pg::vector<store::LeasedJob> jobs(&memory);
    engine::claim_outside(filter, {worker, length, now}, qty, &memory, &jobs);
    EmptyHanded::note_claim(jobs.empty());
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
