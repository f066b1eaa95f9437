// For tests only, neither in the extension script nor in the library that is installed (board/debug_points.hpp says
// which library has it): arming debug points, and the heads of ranges and the slots of executors as rows
// (superusers only); and each end of a job in the server's log, as its observers hear of it.
#include "api/testing/debug.hpp"

#include "board/board.hpp"
#include "board/debug_points.hpp"
#include "board/slots.hpp"
#include "pg/datum.hpp"
#include "pg/entry.hpp"
#include "store/jobs/ended.hpp"

namespace foreman::api {

namespace {

Datum bound(int64 us) { return TimestampTzGetDatum(us); }

const char* word_of(core::Next next) {
    switch (next) {
        case core::Next::complete:
            return "completed";
        case core::Next::discard:
            return "discarded";
        case core::Next::cancel:
            return "cancelled";
        case core::Next::remove:
            return "deleted";
        case core::Next::retry:
        case core::Next::release:
            break;
    }
    return "not ended";
}

void say_ends(std::span<const store::Ended> ended) {
    for (const store::Ended& e : ended) {
        const std::string_view result = e.result ? pg::jsonb_to_text(*e.result) : "none";
        const std::string_view errors = e.errors ? pg::jsonb_to_text(*e.errors) : "none";
        pg::log(LOG, "observed: job " INT64_FORMAT " %s, attempt %d, result %.*s, reason %.*s, errors %.*s",
                e.job->job_id, word_of(e.next), e.attempt, static_cast<int>(result.size()), result.data(),
                static_cast<int>(e.reason.size()), e.reason.data(), static_cast<int>(errors.size()),
                errors.data());
    }
}

constexpr store::EndObserver kSays{[](const store::Job&) { return false; }, say_ends};
// When the library is loaded, as _PG_init does with the others.
[[maybe_unused]] const bool g_observing = (store::observe_ends(kSays), true);

}  // namespace

void require_debugger() {
    if (!superuser())
        throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE, "only superusers may use the debug functions");
    if (!board::board_present())
        throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                          "pg_foreman is not in shared_preload_libraries");
}

FOREMAN_FUNCTION(debug_points) {
    require_debugger();
    pg_atomic_write_u32(&board::armed_points(), static_cast<uint32>(DatumGetInt32(pg::argument(fcinfo, 0))));
    return Datum{0};
}

FOREMAN_FUNCTION(range_heads) {
    require_debugger();
    pg::ResultSet rows(fcinfo);
    for (uint32 i = 0; i < board::range_count(); i++) {
        board::RangeChoice r;
        if (!board::describe_range(board::range_at(MyDatabaseId, i), &r)) continue;
        const Datum values[] = {pg::text_datum(r.queue_name()), pg::text_datum(r.kind_name()),
                                Int32GetDatum(r.priority),      Int32GetDatum(r.alone),
                                bound(r.head.run_at),           Int64GetDatum(r.head.job_id),
                                bound(r.pending.run_at),        Int64GetDatum(r.pending.job_id)};
        rows.put(values);
    }
    return rows.done();
}

FOREMAN_FUNCTION(executor_slots) {
    require_debugger();
    pg::ResultSet rows(fcinfo);
    for (int i = 0; i < board::kMaxSlots; i++) {
        board::SlotReading r{};
        if (!board::read_slot(i, &r)) continue;
        const Datum values[] = {Int32GetDatum(i), Int32GetDatum(static_cast<int32>(r.state)),
                                ObjectIdGetDatum(r.database)};
        rows.put(values);
    }
    return rows.done();
}

}  // namespace foreman::api
