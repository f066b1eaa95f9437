// See leases.hpp.
#include "store/leases.hpp"

#include <algorithm>

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "store/board_parts.hpp"
#include "store/remember.hpp"
#include "store/schema.hpp"
#include "store/sql_names.hpp"

namespace foreman::store {

namespace {

#define LEASED_COLUMNS                                                                                     \
    "j.job_id, j.run_at, j.enqueued_at, j.priority, j.attempt, j.max_attempts, j.alone, j.queue, j.kind, " \
    "j.args, "                                                                                             \
    "j.timeout_us, j.expires_at, j.tags, j.metadata, j.errors, j.crashes, j.claimed_at, j.token"

constinit pg::Statement g_lease{
    "lease_jobs",
    "WITH c AS MATERIALIZED (SELECT ctid FROM foreman.live_job WHERE queue " EQ " $1 AND kind " EQ
    " $2 AND priority " EQ " $3 AND alone " EQ " $4 AND state " EQ
    " 'w'::pg_catalog.\"char\" AND (run_at, job_id) " GE " ($5, $6) AND run_at " LE
    " $7 ORDER BY run_at, job_id LIMIT $8 FOR UPDATE SKIP LOCKED) "
    "UPDATE foreman.live_job j SET state = 'r', token = pg_catalog.gen_random_uuid(), claimed_at = $7, "
    "worker = $9, "
    "lease_us = $10, worker_pid = NULL WHERE j.ctid " EQ
    " ANY (ARRAY (SELECT ctid FROM c)) RETURNING " LEASED_COLUMNS,
    {TEXTOID, TEXTOID, INT2OID, INT2OID, TIMESTAMPTZOID, INT8OID, TIMESTAMPTZOID, INT8OID, TEXTOID, INT8OID}};

// By key, one by one: joined in one piece the planner read every leased row for every pair. A row's token
// never changes in place (what is given back is inserted anew), so matching it before the row is locked is
// enough.
constinit pg::Statement g_take{"take_leases",
                               "DELETE FROM foreman.live_job j WHERE j.ctid " EQ
                               " ANY (ARRAY (SELECT h.ctid FROM ROWS FROM (pg_catalog.unnest($1), "
                               "pg_catalog.unnest($2)) AS u(id, token), LATERAL (SELECT l.ctid FROM "
                               "foreman.live_job l WHERE l.job_id " EQ " u.id AND l.token " EQ
                               " u.token OFFSET 0) AS h)) AND j.state " EQ
                               " 'r'::pg_catalog.\"char\" RETURNING " LEASED_COLUMNS,
                               {INT8ARRAYOID, UUIDARRAYOID}};

constinit pg::Statement g_take_free{
    "take_free_lease",
    "DELETE FROM foreman.live_job j WHERE j.ctid " EQ
    " ANY (ARRAY (SELECT ctid FROM foreman.live_job WHERE job_id " EQ " $1 AND token " EQ " $2 AND state " EQ
    " 'r'::pg_catalog.\"char\" FOR UPDATE SKIP LOCKED)) RETURNING " LEASED_COLUMNS,
    {INT8OID, UUIDOID}};

constinit pg::Statement g_holds{"holds_lease",
                                "SELECT lease_us FROM foreman.live_job WHERE job_id " EQ " $1 AND token " EQ
                                " $2 AND state " EQ " 'r'::pg_catalog.\"char\" AND worker IS NOT NULL",
                                {INT8OID, UUIDOID}};

constinit pg::Statement g_renew{"renew_lease",
                                "UPDATE foreman.live_job SET claimed_at = $3 WHERE job_id " EQ
                                " $1 AND token " EQ " $2 AND state " EQ
                                " 'r'::pg_catalog.\"char\" AND worker IS NOT NULL",
                                {INT8OID, UUIDOID, TIMESTAMPTZOID}};

constinit pg::Statement g_load{"load_leases",
                               "SELECT job_id, token, lease_us FROM foreman.live_job WHERE state " EQ
                               " 'r'::pg_catalog.\"char\" AND worker IS NOT NULL"};

bool contains(std::span<const std::string_view> names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

bool passes(const OutsideFilter& f, std::string_view queue, std::string_view kind, Oid role) {
    return contains(f.queues, queue) && (f.kinds ? contains(*f.kinds, kind) : role == InvalidOid);
}

bool is_skipped(std::span<const RangeSpec> skip, const RangeSpec& r) {
    return std::any_of(skip.begin(), skip.end(), [&r](const RangeSpec& s) {
        return s.queue == r.queue && s.kind == r.kind && s.priority == r.priority && s.alone == r.alone;
    });
}

bool is_less(const RangeChoice& a, int16 priority, Key key) {
    return a.priority < priority || (a.priority == priority && a.head < key);
}

// Over the rows: where there is no board.
bool choose_from_rows(const OutsideFilter& f, Instant now, std::span<const RangeSpec> skip,
                      RangeChoice* out) {
    bool found = false;
    RangeRow row{};
    for (bool more = next_range(&row, true); more; more = next_range(&row, false)) {
        const RangeSpec spec = row.spec();
        if (row.first.run_at > now.us || !passes(f, spec.queue, spec.kind, role_of(spec.kind)) ||
            is_skipped(skip, spec) || find_queue(spec.queue).paused)
            continue;
        if (found && is_less(*out, row.priority, row.first)) continue;
        describe_row(row, row.first, out);
        found = true;
    }
    return found;
}

Datum token_array(std::span<const TokenPair> pairs, pg::ContextResource* memory) {
    pg::vector<Datum> tokens(memory);
    tokens.reserve(pairs.size());
    for (const TokenPair& p : pairs) tokens.push_back(pg::uuid_datum(p.token));
    return pg::array_datum(pg::kUuid, {tokens.data(), tokens.size()});
}

}  // namespace

void lease_jobs(const RangeSpec& range, Key from, int qty, const LeaseClaim& claim, MemoryContext context,
                pg::vector<LeasedJob>* out) {
    const AsOwner scope;
    pg::Args<10> a;
    a.text(1, range.queue)
        .text(2, range.kind)
        .i16(3, range.priority)
        .i16(4, range.alone)
        .instant(5, Instant{from.run_at})
        .i64(6, from.job_id);
    a.instant(7, claim.now).i64(8, qty).text(9, claim.worker).i64(10, claim.length.us);
    const std::size_t first = out->size();
    for (const pg::Row row : g_lease.execute(a)) {
        LeasedJob l{};
        copy_job(row, context, &l.job);
        l.token = pg::uuid_bytes(row.datum(18));
        out->push_back(l);
        remember_lease(l.job.job_id, l.token, claim.now + claim.length, claim.length);
    }
    std::sort(out->begin() + static_cast<std::ptrdiff_t>(first), out->end(),
              [](const LeasedJob& x, const LeasedJob& y) { return x.job.key() < y.job.key(); });
}

bool passes_outside(const OutsideFilter& f, Instant now, std::span<const RangeSpec> skip,
                    const RangeChoice& r) {
    if (r.head.run_at > now.us || !passes(f, r.queue_name(), r.kind_name(), r.role)) return false;
    return !is_skipped(skip, {r.queue_name(), r.kind_name(), r.priority, r.alone}) &&
           range_opens_at(r.ref) <= now && !(queue_is_off_board(r.ref) && find_queue(r.queue_name()).paused);
}

bool choose_outside(const OutsideFilter& f, Instant now, std::span<const RangeSpec> skip, RangeChoice* out) {
    if (!board_present()) return choose_from_rows(f, now, skip, out);
    bool found = false;
    const uint32 high = range_count();
    RangeChoice r;
    for (uint32 i = 0; i < high; i++) {
        const RangeHot& h = range_hots()[i];
        if (h.database != MyDatabaseId || h.keys.head.run_at > now.us) continue;
        if (found && is_less(*out, h.priority, h.keys.head)) continue;
        if (!describe_range(range_at(MyDatabaseId, i), &r) || !passes_outside(f, now, skip, r)) continue;
        *out = r;
        found = true;
    }
    return found;
}

Instant next_due_outside(const OutsideFilter& f) {
    Instant next = core::kPlusInfinity;
    RangeChoice r;
    for (uint32 i = 0; i < range_count(); i++) {
        const RangeHot& h = range_hots()[i];
        if (h.database != MyDatabaseId || h.keys.head == core::kNoKey ||
            !describe_range(range_at(MyDatabaseId, i), &r))
            continue;
        if (passes(f, r.queue_name(), r.kind_name(), h.role))
            next = std::min(next, std::max(Instant{r.head.run_at}, range_opens_at(r.ref)));
    }
    return next;
}

void take_leases(std::span<const TokenPair> pairs, MemoryContext context, pg::vector<Job>* out) {
    if (pairs.empty()) return;
    const AsOwner scope;
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<int64> ids(&memory);
    ids.reserve(pairs.size());
    for (const TokenPair& p : pairs) ids.push_back(p.job_id);
    pg::Args<2> a;
    a.set(1, pg::int8_array({ids.data(), ids.size()})).set(2, token_array(pairs, &memory));
    for (const pg::Row row : g_take.execute(a)) {
        Job j{};
        copy_job(row, context, &j);
        if (!row.is_null(17)) j.claimed_at = row.instant(17);
        out->push_back(j);
        remember_lease_end(j.job_id);
    }
}

bool take_free_lease(const TokenPair& pair, MemoryContext context, Job* out) {
    const AsOwner scope;
    pg::Args<2> a;
    a.i64(1, pair.job_id).set(2, pg::uuid_datum(pair.token));
    const pg::Rows rows = g_take_free.execute(a);
    if (rows.empty()) return false;
    copy_job(rows[0], context, out);
    if (!rows[0].is_null(17)) out->claimed_at = rows[0].instant(17);
    remember_lease_end(out->job_id);
    return true;
}

bool holds_lease(const TokenPair& pair, core::Micros* length) {
    const AsOwner scope;
    pg::Args<2> a;
    a.i64(1, pair.job_id).set(2, pg::uuid_datum(pair.token));
    const pg::Rows rows = g_holds.execute(a);
    if (rows.empty()) return false;
    *length = core::Micros{rows[0].i64(1)};
    return true;
}

bool renew_lease_row(const TokenPair& pair, Instant now) {
    const AsOwner scope;
    pg::Args<3> a;
    a.i64(1, pair.job_id).set(2, pg::uuid_datum(pair.token)).instant(3, now);
    return g_renew.execute(a).processed() > 0;
}

int64 load_leases(Instant now) {
    const AsOwner scope;
    int64 unplaced = 0;
    for (const pg::Row row : g_load.execute()) {
        const core::Micros length{row.i64(3)};
        LeaseReading known{};
        const pg::UuidBytes token = pg::uuid_bytes(row.datum(2));
        if (read_lease(MyDatabaseId, row.i64(1), &known) && known.token.bytes == token.bytes) continue;
        if (!add_lease(MyDatabaseId, row.i64(1), token, now + length, length)) unplaced++;
    }
    return unplaced;
}

}  // namespace foreman::store
