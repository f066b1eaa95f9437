// What the views tell of leases and of workers outside. Called by the views of the extension script; the
// views themselves leave out what the caller may not see. Invariant: called without the views they tell no
// more. cost: a hash probe a leased job; a pass over the table of workers.
#include "api/public_function.hpp"
#include "board/leases.hpp"
#include "pg/memory.hpp"
#include "request/arguments.hpp"
#include "store/db/clock.hpp"
#include "store/definitions/access.hpp"

namespace foreman::api {

namespace {

std::string_view name_of(const board::BoardName& name) noexcept { return {name.text, name.len}; }

}  // namespace

FOREMAN_PUBLIC(lease) {
    pg::ResultSet rows(fcinfo);
    board::LeaseReading l{};
    if (!board::read_lease(MyDatabaseId, DatumGetInt64(pg::argument(fcinfo, 0)), &l)) return rows.done();
    // The token is the view's to read: nobody else learns anything of a lease by its job's id.
    if (pg::uuid_bytes(pg::argument(fcinfo, 1)).bytes != l.token.bytes) return rows.done();
    std::array<OptionalDatum, 3> v;
    v[0] = pg::to_datum(l.until);
    if (l.has_progress) v[1] = Float8GetDatum(l.progress);
    if (l.note_len > 0) v[2] = pg::text_datum({l.note, l.note_len});
    rows.put(v);
    return rows.done();
}

FOREMAN_PUBLIC(outside_workers) {
    pg::ResultSet rows(fcinfo);
    if (!board::board_present()) return rows.done();
    const pg::Context context("foreman workers", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<board::WorkerEntry> one(1, board::WorkerEntry{}, &memory);
    board::WorkerEntry& w = one.front();
    for (int place = 0; place < board::kMaxWorkers; place++) {
        if (!board::read_worker(place, MyDatabaseId, store::now(), &w)) continue;
        pg::vector<Datum> queues(&memory);
        for (int i = 0; i < w.queue_count; i++) {
            if (store::may_see(name_of(w.queues[i]))) queues.push_back(pg::text_datum(name_of(w.queues[i])));
        }
        if (queues.empty()) continue;
        std::array<OptionalDatum, 5> v;
        v[0] = pg::text_datum(name_of(w.id));
        if (w.label.len > 0) v[1] = pg::text_datum(name_of(w.label));
        v[2] = pg::array_datum(pg::kText, {queues.data(), queues.size()});
        v[3] = pg::to_datum(core::Instant{w.first_seen});
        v[4] = pg::to_datum(core::Instant{w.last_seen});
        rows.put(v);
    }
    return rows.done();
}

}  // namespace foreman::api
