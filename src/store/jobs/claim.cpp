// Claims of jobs whose rows stay, or are leased, and reads of ranges; those that delete: claim_delete.cpp. Each statement
// has one possible shape: an index scan of live_job_claim from the head inside one range; AsOwner puts the planner's
// alternatives aside.
#include <algorithm>

#include "board/my_slot.hpp"
#include "core/group_pace.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/xact.hpp"
#include "store/commit/remember.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/jobs/claimable.hpp"
#include "store/jobs/current_job.hpp"
#include "store/jobs/job_columns.hpp"
#include "store/jobs/job_row.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::store {

namespace {

// Their rows stay: FOR NO KEY UPDATE, since a key of theirs may be looked up meanwhile.
constinit pg::Statement g_claim_held{
    "claim_held",
    "SELECT " JOB_COLUMNS " FROM foreman.live_job WHERE " CLAIMABLE " AND run_at " LE
    " $7 AND foreman._is_free(job_id) ORDER BY run_at, job_id LIMIT $8 FOR NO KEY UPDATE SKIP LOCKED",
    {TEXTOID, TEXTOID, INT2OID, INT2OID, TIMESTAMPTZOID, INT8OID, TIMESTAMPTZOID, INT8OID}};

// unique_as of timers: a successor (s) is not claimable.
constinit pg::Statement g_claim_timers{
    "claim_timers",
    "SELECT " JOB_COLUMNS " FROM foreman.live_job WHERE " CLAIMABLE " AND run_at " LE " $7 AND unique_as " EQ
    " 't'::pg_catalog.\"char\" AND foreman._is_free(job_id) ORDER BY run_at, job_id LIMIT $8 FOR NO KEY "
    "UPDATE SKIP LOCKED",
    {TEXTOID, TEXTOID, INT2OID, INT2OID, TIMESTAMPTZOID, INT8OID, TIMESTAMPTZOID, INT8OID}};

constinit pg::Statement g_lease_held{
    "lease_held",
    "UPDATE foreman.live_job SET state = 'r', token = pg_catalog.gen_random_uuid(), claimed_at = $2, "
    "worker_pid = $3 WHERE job_id " EQ " $1 RETURNING token",
    {INT8OID, TIMESTAMPTZOID, INT4OID}};

constinit pg::Statement g_lease{
    "claim_lease",
    "WITH c AS MATERIALIZED (SELECT ctid FROM foreman.live_job WHERE " CLAIMABLE " AND run_at " LE
    " $7 AND foreman._is_free(job_id) ORDER BY run_at, job_id LIMIT 1 FOR UPDATE SKIP LOCKED) "
    "UPDATE foreman.live_job SET state = 'r', token = pg_catalog.gen_random_uuid(), claimed_at = $8, "
    "worker_pid = $9 "
    "WHERE ctid " EQ " ANY (ARRAY (SELECT ctid FROM c)) AND foreman._is_free(job_id) RETURNING " JOB_COLUMNS
    ", token",
    {TEXTOID, TEXTOID, INT2OID, INT2OID, TIMESTAMPTZOID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID}};

constinit pg::Statement g_first_unseen{
    "first_unseen",
    "SELECT run_at, job_id FROM foreman.live_job WHERE queue " EQ " $1 AND kind " EQ " $2 AND priority " EQ
    " $3 AND alone " EQ " $4 AND state " EQ " 'w'::pg_catalog.\"char\" AND run_at " LE " $5 AND job_id " NE
    " ALL ($6) AND (NOT $7 OR unique_as " EQ " 't'::pg_catalog.\"char\") ORDER BY run_at, job_id LIMIT 1",
    {TEXTOID, TEXTOID, INT2OID, INT2OID, TIMESTAMPTZOID, INT8ARRAYOID, BOOLOID}};

constinit pg::Statement g_next_range{
    "next_range",
    "SELECT queue, kind, priority, alone, run_at, job_id FROM foreman.live_job WHERE state " EQ
    " 'w'::pg_catalog.\"char\" "
    "AND (queue, kind, priority, alone) " GT
    " ($1, $2, $3, $4) ORDER BY queue, kind, priority, alone, run_at, job_id LIMIT 1",
    {TEXTOID, TEXTOID, INT2OID, INT2OID}};

constinit pg::Statement g_take_leased{"take_leased",
                                      "DELETE FROM foreman.live_job WHERE job_id " EQ " $1 AND state " EQ
                                      " 'r'::pg_catalog.\"char\" AND token " EQ " $2",
                                      {INT8OID, UUIDOID}};

constinit pg::Statement g_take_leased_any{"take_leased_any",
                                          "DELETE FROM foreman.live_job WHERE job_id " EQ " $1 AND state " EQ
                                          " 'r'::pg_catalog.\"char\" RETURNING " JOB_COLUMNS,
                                          {INT8OID}};

constinit pg::Statement g_set_alone{
    "set_alone",
    "UPDATE foreman.live_job SET alone = alone OPERATOR(pg_catalog.|) 1::pg_catalog.int2 WHERE ctid " EQ
    " ANY (ARRAY (SELECT w.ctid FROM foreman.live_job w WHERE w.job_id " EQ " ANY ($1) AND w.state " EQ
    " 'w'::pg_catalog.\"char\" FOR UPDATE SKIP LOCKED)) RETURNING queue, "
    "kind, priority, alone, run_at, job_id",
    {INT8ARRAYOID}};

constinit pg::Statement g_leases{
    "leases", "SELECT job_id, worker_pid, claimed_at FROM foreman.live_job WHERE state " EQ
              " 'r'::pg_catalog.\"char\" AND worker IS NULL AND worker_pid IS NOT NULL ORDER BY job_id"};

// The jobs that this process locked last, and in which transaction: more than a group has.
constexpr std::size_t kHeldNoted = 512;
constinit TransactionId g_held_in = InvalidTransactionId;
constinit int64 g_held[kHeldNoted] = {};
constinit std::size_t g_held_next = 0;
static_assert(kHeldNoted >= core::kMaxGroupJobs + core::kMaxChunk);

void note_held(int64 job_id) {
    const TransactionId xid = pg::call<&GetTopTransactionId>();
    if (g_held_in != xid) {
        std::fill(std::begin(g_held), std::end(g_held), int64{0});
        g_held_in = xid;
    }
    g_held[g_held_next++ % kHeldNoted] = job_id;
}

}  // namespace

void copy_job(const pg::Row& row, MemoryContext context, Job* out) {
    const JobRow r(row);
    r.read(context, out);
    out->queue = r.name(LiveColumn::queue, context);
    out->kind = r.name(LiveColumn::kind, context);
    out->unique_key = r.name(LiveColumn::unique_key, context);
    out->unique_as = r.letter<core::UniqueAs>(LiveColumn::unique_as);
    out->concurrency_key = r.name(LiveColumn::concurrency_key, context);
    out->sequence_key = r.name(LiveColumn::sequence_key, context);
}

void claim_held(const RangeSpec& range, core::Key from, core::Instant now, int qty, MemoryContext context,
                pg::vector<Job>* out, Which which) {
    const AsOwner scope;
    board::slot_transaction(pg::call<&GetTopTransactionId>());
    pg::Args<8> a;
    set_range(&a, range, from);
    a.instant(7, now).i64(8, qty);
    pg::Statement& claim = which == Which::timers ? g_claim_timers : g_claim_held;
    for (const pg::Row row : claim.execute_latest(a)) {
        Job j{};
        copy_job(row, context, &j);
        j.held = true;
        out->push_back(j);
        note_held(j.job_id);
    }
}

bool is_held_here(int64 job_id) noexcept {
    if (!current_job().inside || !TransactionIdIsValid(g_held_in)) return false;
    return g_held_in == GetTopTransactionIdIfAny() &&
           std::find(std::begin(g_held), std::end(g_held), job_id) != std::end(g_held);
}

void lease_held(int64 job_id, pg::UuidBytes* token) {
    const AsOwner scope;
    pg::Args<3> a;
    a.i64(1, job_id).instant(2, pg::clock_now()).i32(3, MyProcPid);
    *token = pg::uuid_bytes(g_lease_held.execute(a)[0].datum(1));
}

bool claim_by_lease(const RangeSpec& range, core::Key from, core::Instant now, MemoryContext context,
                    Job* out, pg::UuidBytes* token) {
    const AsOwner scope;
    pg::Args<9> a;
    set_range(&a, range, from);
    a.instant(7, now).instant(8, pg::clock_now()).i32(9, MyProcPid);
    const pg::Rows rows = g_lease.execute(a);
    if (rows.empty()) return false;
    copy_job(rows[0], context, out);
    *token = pg::uuid_bytes(rows[0].datum(kJobColumns + 1));
    return true;
}

core::Key first_unseen(const RangeSpec& range, core::Instant now, std::span<const int64> seen, Which which) {
    const AsOwner scope;
    const pg::ActiveSnapshot fresh;
    pg::Args<7> a;
    a.text(1, range.queue)
        .text(2, range.kind)
        .i16(3, range.priority)
        .i16(4, range.alone)
        .instant(5, now)
        .set(6, pg::int8_array(seen))
        .boolean(7, which == Which::timers);
    const pg::Rows rows = g_first_unseen.execute(a, true);
    return rows.empty() ? core::kNoKey : core::Key{rows[0].instant(1).us, rows[0].i64(2)};
}

bool next_range(RangeRow* row, bool from_start) {
    const AsOwner scope;
    const pg::ActiveSnapshot fresh;
    pg::Args<4> a;
    if (from_start) {
        a.text(1, "").text(2, "").i16(3, PG_INT16_MIN).i16(4, 0);
    } else {
        a.text(1, {row->queue, row->queue_len})
            .text(2, {row->kind, row->kind_len})
            .i16(3, row->priority)
            .i16(4, row->alone);
    }
    const pg::Rows rows = g_next_range.execute(a, true);
    if (rows.empty()) return false;
    const pg::Row r = rows[0];
    const std::string_view queue = r.view(1);
    const std::string_view kind = r.view(2);
    row->queue_len = static_cast<uint16>(std::min<std::size_t>(queue.size(), board::kNameBytes - 1));
    row->kind_len = static_cast<uint16>(std::min<std::size_t>(kind.size(), board::kNameBytes - 1));
    queue.copy(row->queue, row->queue_len);
    kind.copy(row->kind, row->kind_len);
    row->priority = r.i16(3);
    row->alone = r.i16(4);
    row->first = {r.instant(5).us, r.i64(6)};
    return true;
}

void describe_row(const RangeRow& row, core::Key first, board::RangeChoice* out) {
    out->ref = {};
    out->head = first;
    out->priority = row.priority;
    out->alone = row.alone;
    out->most = board::kNoIndex;
    out->turn_of_oldest = false;
    out->queue_len = row.queue_len;
    out->kind_len = row.kind_len;
    std::memcpy(out->queue, row.queue, row.queue_len);
    std::memcpy(out->kind, row.kind, row.kind_len);
}

bool take_leased(int64 job_id, const pg::UuidBytes& token) {
    const AsOwner scope;
    pg::Args<2> a;
    a.i64(1, job_id).set(2, pg::uuid_datum(token));
    return g_take_leased.execute(a).processed() > 0;
}

bool take_leased_any(int64 job_id, MemoryContext context, Job* out) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, job_id);
    const pg::Rows rows = g_take_leased_any.execute(a);
    if (rows.empty()) return false;
    copy_job(rows[0], context, out);
    return true;
}

void set_alone(std::span<const int64> ids) {
    const AsOwner scope;
    pg::Args<1> a;
    a.set(1, pg::int8_array(ids));
    for (const pg::Row r : g_set_alone.execute(a))
        remember_work(r.view(1), r.view(2), r.i16(3), r.i16(4), role_of(r.view(2), r.view(1), r.i16(4)),
                      {r.instant(5).us, r.i64(6)});
}

void leases_in_server(pg::vector<Lease>* leases) {
    const AsOwner scope;
    for (const pg::Row r : g_leases.execute()) leases->push_back({r.i64(1), r.i32(2), r.instant(3)});
}

}  // namespace foreman::store
