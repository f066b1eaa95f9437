// Jobs whose key is taken: parked by whoever found that, in the transaction that locked them; and the order
// of a sequence. Declared in jobs.hpp. Only the dispatcher lets parked jobs go on: see blocked.hpp.
#include "pg/datum.hpp"
#include "store/commit/remember.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::store {

namespace {

constinit pg::Statement g_park{"park",
                               "UPDATE foreman.live_job SET state = 'b', blocked_on = $2 WHERE job_id " EQ
                               " ANY ($1)",
                               {INT8ARRAYOID, CHAROID}};

// Not by state = w, for which the index of claims could be chosen, and all of a queue be read and sorted.
constinit pg::Statement g_park_rest{
    "park_rest",
    "UPDATE foreman.live_job SET state = 'b', blocked_on = 'k' WHERE ctid " EQ
    " ANY (ARRAY (SELECT w.ctid FROM foreman.live_job w WHERE w.queue " EQ " $1 AND w.concurrency_key " EQ
    " $2 AND (w.priority, w.run_at, w.job_id) " GT " ($3, $4, $5) AND w.state " NE
    " 'r'::pg_catalog.\"char\" AND w.blocked_on IS NULL AND w.run_at " LE
    " $6 ORDER BY w.priority, w.run_at, w.job_id LIMIT $7 FOR NO KEY UPDATE SKIP LOCKED))",
    {TEXTOID, TEXTOID, INT2OID, TIMESTAMPTZOID, INT8OID, TIMESTAMPTZOID, INT8OID}};

constinit pg::Statement g_park_rest_of_sequence{
    "park_rest_of_sequence",
    "UPDATE foreman.live_job SET state = 'b', blocked_on = 'q' WHERE ctid " EQ
    " ANY (ARRAY (SELECT w.ctid FROM foreman.live_job w WHERE w.queue " EQ " $1 AND w.sequence_key " EQ
    " $2 AND w.job_id " GT " $3 AND w.state " NE
    " 'r'::pg_catalog.\"char\" AND w.blocked_on IS NULL AND w.run_at " LE
    " $4 ORDER BY w.job_id LIMIT $5 FOR NO KEY UPDATE SKIP LOCKED))",
    {TEXTOID, TEXTOID, INT8OID, TIMESTAMPTZOID, INT8OID}};

// Those that are not due, and those that wait for other jobs, do not stand in the way under policy skip.
constinit pg::Statement g_sequence{
    "sequence_order",
    "SELECT job_id, state " EQ " 'b'::pg_catalog.\"char\" AND blocked_on " EQ
    " 'q'::pg_catalog.\"char\", priority, run_at FROM foreman.live_job WHERE queue " EQ
    " $1 AND sequence_key " EQ " $2 AND (NOT $3 OR state " EQ " 'r'::pg_catalog.\"char\" OR (run_at " LE
    " $4 AND (blocked_on IS NULL OR state " NE " 'b'::pg_catalog.\"char\" OR blocked_on " NE
    " 'd'::pg_catalog.\"char\"))) ORDER BY job_id LIMIT $5",
    {TEXTOID, TEXTOID, BOOLOID, TIMESTAMPTZOID, INT8OID}};

}  // namespace

void park(std::span<const Job> jobs, core::BlockedOn why) {
    if (jobs.empty()) return;
    const AsOwner scope;
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<int64> ids(&memory);
    ids.reserve(jobs.size());
    for (const Job& j : jobs) {
        ids.push_back(j.job_id);
        remember_parked(why, j.queue, why == core::BlockedOn::key ? j.concurrency_key : j.sequence_key,
                        {j.priority, j.key()});
    }
    pg::Args<2> a;
    a.set(1, pg::int8_array({ids.data(), ids.size()})).letter(2, why);
    g_park.execute(a);
}

void remember_moved(const pg::Row& r) {
    const core::Key key{r.instant(5).us, r.i64(6)};
    if (r.letter_of<core::StoredState>(7) == core::StoredState::claimable)
        remember_work(r.view(1), r.view(2), r.i16(3), r.i16(4), role_of(r.view(2), r.view(1), r.i16(4)), key);
    else if (!r.is_null(8) && r.letter_of<core::BlockedOn>(8) == core::BlockedOn::key)
        remember_parked(core::BlockedOn::key, r.view(1), r.view(9), {r.i16(3), key});
}

int64 park_rest(const Job& after, int max) {
    const AsOwner scope;
    pg::Args<7> a;
    a.text(1, after.queue).text(2, after.concurrency_key).i16(3, after.priority).instant(4, after.run_at);
    a.i64(5, after.job_id).instant(6, now()).i64(7, max);
    const auto n = static_cast<int64>(g_park_rest.execute(a).processed());
    if (n > 0)
        remember_parked(core::BlockedOn::key, after.queue, after.concurrency_key,
                        {after.priority, after.key()});
    return n;
}

int64 park_rest_of_sequence(const Job& after, int max) {
    const AsOwner scope;
    pg::Args<5> a;
    a.text(1, after.queue).text(2, after.sequence_key).i64(3, after.job_id).instant(4, now()).i64(5, max);
    const auto n = static_cast<int64>(g_park_rest_of_sequence.execute(a).processed());
    if (n > 0) remember_parked(core::BlockedOn::sequence, after.queue, after.sequence_key, core::kFirstPlace);
    return n;
}

void sequence_order(std::string_view queue, std::string_view key, bool skip_later, SequencePart part,
                    core::Instant at, int max, pg::vector<int64>* ids) {
    const AsOwner scope;
    pg::Args<5> a;
    a.text(1, queue).text(2, key).boolean(3, skip_later).instant(4, at).i64(5, max);
    std::pair<int16, core::Instant> last{PG_INT16_MIN, core::kMinusInfinity};
    for (const pg::Row row : g_sequence.execute(a)) {
        const std::pair<int16, core::Instant> place{row.i16(3), row.instant(4)};
        if (part == SequencePart::may_start && (!row.boolean(2) || place < last)) return;
        last = place;
        ids->push_back(row.i64(1));
    }
}

}  // namespace foreman::store
