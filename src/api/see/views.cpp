// What the views are made of: which queues the caller sees, the executors and the counters of the board.
// Called by the views of the extension script, with the rights of whoever reads them.
//
// Invariant: of a queue that the caller holds no bundle for, nothing is told: its rows are left out, and an
// executor that works for it shows no job. cost: without rows of the board, a cached look-up a call.
#include "api/public_function.hpp"
#include "board/parts.hpp"
#include "board/slots.hpp"
#include "board/unwritten_leases.hpp"
#include "pg/memory.hpp"
#include "request/arguments.hpp"
#include "store/db/clock.hpp"
#include "store/definitions/access.hpp"
#include "store/upkeep/upkeep.hpp"

namespace foreman::api {

namespace {

bool sees(std::string_view queue) { return store::may_see(queue); }

std::string_view name_of(const board::BoardName& name) noexcept { return {name.text, name.len}; }

const char* state_name(board::SlotState state) noexcept {
    switch (state) {
        case board::SlotState::free:
            return "free";
        case board::SlotState::starting:
            return "starting";
        case board::SlotState::idle:
            return "idle";
        case board::SlotState::busy:
            return "busy";
        case board::SlotState::dead:
            break;
    }
    return "ended";
}

OptionalDatum instant_or_null(core::Instant t) {
    if (!core::is_finite(t)) return std::nullopt;
    return pg::to_datum(t);
}

void put_holder(pg::ResultSet* rows, const board::SlotReading& r) {
    if (r.job_id == 0 || !sees(name_of(r.queue))) return;
    std::array<OptionalDatum, 7> v;
    v[0] = Int64GetDatum(r.job_id);
    v[1] = pg::to_datum(r.started_at);
    if (r.pid != 0) v[2] = Int32GetDatum(r.pid);
    if (r.has_progress) v[5] = Float8GetDatum(r.progress);
    if (r.has_progress && r.note_len > 0) v[6] = pg::text_datum({r.note, r.note_len});
    rows->put(v);
}

void put_holder(pg::ResultSet* rows, const board::UnwrittenLease& l) {
    if (l.queue == board::kNoIndex) return;
    const board::QueueEntry& queue = board::queue_entries()[l.queue];
    if (!sees({queue.name, queue.name_len})) return;
    std::array<OptionalDatum, 7> v;
    v[0] = Int64GetDatum(l.job_id);
    v[1] = pg::to_datum(l.claimed_at);
    v[3] = pg::text_datum(l.worker_name());
    v[4] = pg::to_datum(l.until);
    if (l.has_progress) v[5] = Float8GetDatum(l.progress);
    if (l.note_len > 0) v[6] = pg::text_datum({l.note, l.note_len});
    rows->put(v);
}

void put_executor(pg::ResultSet* rows, const board::SlotReading& r) {
    std::array<OptionalDatum, 13> v;
    v[0] = Int32GetDatum(r.slot);
    if (r.pid != 0) v[1] = Int32GetDatum(r.pid);
    v[2] = ObjectIdGetDatum(r.role);
    v[3] = pg::text_datum(state_name(r.state));
    v[4] = pg::to_datum(r.since);
    v[12] = Int64GetDatum(r.jobs_done);
    if (r.job_id != 0 && sees(name_of(r.queue))) {
        v[5] = Int64GetDatum(r.job_id);
        v[6] = pg::text_datum(name_of(r.kind));
        v[7] = pg::text_datum(name_of(r.queue));
        v[8] = Int32GetDatum(r.attempt);
        v[9] = pg::to_datum(r.started_at);
        if (r.has_progress) v[10] = Float8GetDatum(r.progress);
        if (r.has_progress && r.note_len > 0) v[11] = pg::text_datum({r.note, r.note_len});
    }
    rows->put(v);
}

// waiting, oldest_run_at, throttled_until; completed, failed, discarded, cancelled since the server started.
void put_queue(pg::ResultSet* rows, const board::QueueReading& r, bool counted) {
    if (!sees(name_of(r.name))) return;
    std::array<OptionalDatum, 12> v;
    v[0] = pg::text_datum(name_of(r.name));
    v[1] = Int64GetDatum(std::max<int64>(r.live, 0));
    v[2] = instant_or_null(r.oldest_run_at);
    v[3] = r.throttled_until > store::now() ? instant_or_null(r.throttled_until) : std::nullopt;
    v[4] = Int64GetDatum(r.completed);
    v[5] = Int64GetDatum(r.failed);
    v[6] = Int64GetDatum(r.discarded);
    v[7] = Int64GetDatum(r.cancelled);
    v[8] = BoolGetDatum(counted);
    v[9] = Int64GetDatum(std::clamp<int64>(r.scheduled, 0, std::max<int64>(r.live, 0)));
    v[10] = Int64GetDatum(std::clamp<int64>(r.leased, 0, std::max<int64>(r.live, 0)));
    v[11] = Int64GetDatum(std::clamp<int64>(r.pending, 0, std::max<int64>(r.live, 0)));
    rows->put(v);
}

void put_board_queues(pg::ResultSet* rows) {
    const board::DatabaseSlot* slot = board::database_slot(MyDatabaseId);
    const bool counted =
        slot != nullptr && pg_atomic_read_u32(&const_cast<board::DatabaseSlot*>(slot)->counted) != 0;
    const pg::Context context("foreman queues", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<board::QueueReading> queues(&memory);
    // One that is added meanwhile is shown next time.
    queues.resize(static_cast<std::size_t>(board::read_queues(MyDatabaseId, nullptr, 0)));
    const int n = board::read_queues(MyDatabaseId, queues.data(), static_cast<int>(queues.size()));
    queues.resize(std::min(queues.size(), static_cast<std::size_t>(n)));
    for (const board::QueueReading& q : queues) put_queue(rows, q, counted);
}

// Without the board the rows are counted, as the tables' owner: rights are asked for afterwards.
void put_counted_queues(pg::ResultSet* rows) {
    struct Counts {
        pg::vector<board::QueueReading> queues;
    };
    const pg::Context context("foreman queues", CurrentMemoryContext);
    pg::ContextResource memory(context);
    Counts counts{pg::vector<board::QueueReading>(&memory)};
    store::visit_waiting(
        store::now(),
        [](void* arg, const store::QueueCount& c) {
            board::QueueReading r{};
            r.name.len = static_cast<uint16>(std::min<std::size_t>(c.queue.size(), board::kNameBytes - 1));
            c.queue.copy(r.name.text, r.name.len);
            r.live = c.waiting;
            r.oldest_run_at = c.oldest_run_at;
            r.scheduled = c.scheduled;
            r.leased = c.leased;
            r.pending = c.pending;
            r.throttled_until = core::kMinusInfinity;
            static_cast<Counts*>(arg)->queues.push_back(r);
        },
        &counts);
    for (const board::QueueReading& q : counts.queues) put_queue(rows, q, true);
}

}  // namespace

FOREMAN_PUBLIC(sees) {
    if (!pg::has_argument(fcinfo, 0)) return BoolGetDatum(false);
    return BoolGetDatum(sees(pg::text_view(pg::argument(fcinfo, 0))));
}

FOREMAN_PUBLIC(sees_args) {
    if (!pg::has_argument(fcinfo, 0)) return BoolGetDatum(false);
    return BoolGetDatum(store::may_see_args(pg::text_view(pg::argument(fcinfo, 0))));
}

FOREMAN_PUBLIC(now) { return pg::to_datum(store::now()); }

FOREMAN_PUBLIC(executors) {
    pg::ResultSet rows(fcinfo);
    if (!board::board_present()) return rows.done();
    for (int i = 0; i < board::kMaxSlots; i++) {
        board::SlotReading slot;
        if (board::read_slot(i, &slot) && slot.database == MyDatabaseId) put_executor(&rows, slot);
    }
    return rows.done();
}

// Whose rows look as if they waited: what executors run, and what only the board knows to be leased.
FOREMAN_PUBLIC(holders) {
    pg::ResultSet rows(fcinfo);
    if (!board::board_present()) return rows.done();
    for (int i = 0; i < board::kMaxSlots; i++) {
        board::SlotReading slot;
        if (board::read_slot(i, &slot) && slot.database == MyDatabaseId) put_holder(&rows, slot);
    }
    const pg::Context context("foreman leases", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<board::UnwrittenLease> leases(&memory);
    board::list_unwritten(&leases);
    for (const board::UnwrittenLease& l : leases) put_holder(&rows, l);
    return rows.done();
}

FOREMAN_PUBLIC(queue_counters) {
    pg::ResultSet rows(fcinfo);
    if (board::board_present()) {
        put_board_queues(&rows);
    } else {
        put_counted_queues(&rows);
    }
    return rows.done();
}

}  // namespace foreman::api
