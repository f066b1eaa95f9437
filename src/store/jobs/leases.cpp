// See leases.hpp.
#include "store/jobs/leases.hpp"

#include <algorithm>

#include "board/debug_points.hpp"
#include "board/parts.hpp"
#include "board/queue_limits.hpp"
#include "board/waits.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/xact.hpp"
#include "store/commit/remember.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/jobs/claimable.hpp"
#include "store/jobs/job_columns.hpp"
#include "store/jobs/key_gate.hpp"
#include "store/jobs/unwritten.hpp"

namespace foreman::store {

namespace {

#define LEASED_COLUMNS JOB_COLUMNS ", claimed_at, token"

// Asked twice: before the lock, so that what is leased takes no place among the $8, and after it, when it counts.
constinit pg::Statement g_lease{
    "lease_jobs",
    "WITH c AS MATERIALIZED (SELECT ctid FROM foreman.live_job WHERE " CLAIMABLE " AND run_at " LE
    " $7 AND foreman._is_free(job_id) ORDER BY run_at, job_id LIMIT $8 FOR UPDATE SKIP LOCKED) "
    "UPDATE foreman.live_job j SET state = 'r', token = pg_catalog.gen_random_uuid(), claimed_at = $7, "
    "worker = $9, "
    "lease_us = $10, worker_pid = NULL WHERE j.ctid " EQ
    " ANY (ARRAY (SELECT ctid FROM c)) AND foreman._is_free(j.job_id) RETURNING " LEASED_COLUMNS,
    {TEXTOID, TEXTOID, INT2OID, INT2OID, TIMESTAMPTZOID, INT8OID, TIMESTAMPTZOID, INT8OID, TEXTOID, INT8OID}};

constinit pg::Statement g_lease_locked{
    "lease_locked",
    "UPDATE foreman.live_job j SET state = 'r', token = pg_catalog.gen_random_uuid(), claimed_at = $2, "
    "worker = $3, lease_us = $4, worker_pid = NULL WHERE j.job_id " EQ " ANY ($1) RETURNING job_id, token",
    {INT8ARRAYOID, TIMESTAMPTZOID, TEXTOID, INT8OID}};

// By key, so that a row that the dispatcher writes meanwhile is judged again as it is then.
constinit pg::Statement g_take{"take_leases",
                               "DELETE FROM foreman.live_job j WHERE j.job_id " EQ
                               " ANY ($1) AND foreman._may_take(j.job_id, j.state, j.token) "
                               "RETURNING " LEASED_COLUMNS,
                               {INT8ARRAYOID}};

constinit pg::Statement g_lock{"lock_lease",
                               "SELECT claimed_at, lease_us FROM foreman.live_job WHERE job_id " EQ
                               " $1 AND token " EQ " $2 AND state " EQ
                               " 'r'::pg_catalog.\"char\" FOR UPDATE SKIP LOCKED",
                               {INT8OID, UUIDOID}};

#define LEASE_ROW "token, lease_us, queue, concurrency_key, sequence_key"

constinit pg::Statement g_read_row{"read_lease_row",
                                   "SELECT " LEASE_ROW " FROM foreman.live_job WHERE job_id " EQ
                                   " $1 AND state " EQ " 'r'::pg_catalog.\"char\" AND worker IS NOT NULL",
                                   {INT8OID}};

constinit pg::Statement g_renew{"renew_lease",
                                "UPDATE foreman.live_job SET claimed_at = $3 WHERE job_id " EQ
                                " $1 AND token " EQ " $2 AND state " EQ
                                " 'r'::pg_catalog.\"char\" AND worker IS NOT NULL",
                                {INT8OID, UUIDOID, TIMESTAMPTZOID}};

constinit pg::Statement g_rows{
    "lease_rows", "SELECT job_id, token, lease_us, claimed_at FROM foreman.live_job WHERE state " EQ
                  " 'r'::pg_catalog.\"char\" AND worker IS NOT NULL"};

constinit pg::Statement g_load{"load_leases", "SELECT " LEASE_ROW
                                              ", job_id, claimed_at "
                                              "FROM foreman.live_job WHERE state " EQ
                                              " 'r'::pg_catalog.\"char\" AND worker IS NOT NULL"};

constinit pg::Statement g_is_live{
    "is_live", "SELECT 1 FROM foreman.live_job WHERE job_id " EQ " $1", {INT8OID}};

}  // namespace

void lease_jobs(const RangeSpec& range, core::Key from, int qty, const LeaseClaim& claim,
                MemoryContext context, pg::vector<LeasedJob>* out) {
    const AsOwner scope;
    pg::Args<10> a;
    set_range(&a, range, from);
    a.instant(7, claim.now).i64(8, qty).text(9, claim.worker).i64(10, claim.length.us);
    const std::size_t first = out->size();
    for (const pg::Row row : g_lease.execute_latest(a)) {
        LeasedJob l{};
        copy_job(row, context, &l.job);
        l.token = pg::uuid_bytes(row.datum(kJobColumns + 2));
        out->push_back(l);
        remember_lease(l.job.job_id, l.token, claim.now + claim.length, claim.length, l.job.key_entries,
                       claim.queue);
    }
    std::sort(out->begin() + static_cast<std::ptrdiff_t>(first), out->end(),
              [](const LeasedJob& x, const LeasedJob& y) { return x.job.key() < y.job.key(); });
}

void lease_keyed_jobs(const RangeSpec& range, core::Key from, int qty, const LeaseClaim& claim,
                      MemoryContext context, pg::vector<LeasedJob>* out, std::size_t* looked_at,
                      bool* no_room) {
    const AsOwner scope;
    pg::ContextResource memory(context);
    pg::vector<Job> jobs(&memory);
    claim_held(range, from, claim.now, qty, context, &jobs);
    *looked_at = jobs.size();
    for (const Job& j : jobs) {
        if (!board::board_present() && !(j.concurrency_key.empty() && j.sequence_key.empty()))
            board::refuse_without_board("foreman.claim() of a job with a concurrency_key or sequence_key");
    }
    // Passed over from here on, in this claim.
    if (!pass_gate(&jobs, 0, board::Running::at_once)) {
        *looked_at = jobs.size();
        *no_room = true;
    }
    if (jobs.empty()) return;
    pg::vector<int64> ids(&memory);
    pg::flat_map<int64, pg::UuidBytes> tokens(&memory);
    for (const Job& j : jobs) ids.push_back(j.job_id);
    pg::Args<4> a;
    a.set(1, pg::int8_array({ids.data(), ids.size()})).instant(2, claim.now).text(3, claim.worker);
    a.i64(4, claim.length.us);
    for (const pg::Row row : g_lease_locked.execute_latest(a))
        tokens.emplace(row.i64(1), pg::uuid_bytes(row.datum(2)));
    for (Job& j : jobs) {
        j.held = false;
        const LeasedJob l{j, tokens.at(j.job_id), false};
        out->push_back(l);
        remember_lease(j.job_id, l.token, claim.now + claim.length, claim.length, j.key_entries, claim.queue);
    }
}

void take_leases(std::span<const TokenPair> pairs, MemoryContext context, pg::vector<LeasedJob>* out) {
    if (pairs.empty()) return;
    const AsOwner scope;
    pg::ContextResource memory(CurrentMemoryContext);
    const Settled settled(pairs, &memory);
    pg::vector<int64> ids(&memory);
    ids.reserve(pairs.size());
    for (const TokenPair& p : pairs) ids.push_back(p.job_id);
    pg::Args<1> a;
    a.set(1, pg::int8_array({ids.data(), ids.size()}));
    out->reserve(pairs.size());
    // As the database is now: what was claimed on the board may be younger than the snapshot of the transaction.
    for (const pg::Row row : g_take.execute_latest(a)) {
        LeasedJob l{};
        copy_job(row, context, &l.job);
        if (!row.is_null(kJobColumns + 1)) l.job.claimed_at = row.instant(kJobColumns + 1);
        if (!row.is_null(kJobColumns + 2)) l.token = pg::uuid_bytes(row.datum(kJobColumns + 2));
        settled.describe(&l);
        out->push_back(l);
        if (!row.is_null(kJobColumns + 2)) remember_lease_end(l.job.job_id, l.token);
    }
}

std::optional<core::Instant> lock_lease(const TokenPair& pair) {
    const AsOwner scope;
    pg::Args<2> a;
    a.i64(1, pair.job_id).set(2, pg::uuid_datum(pair.token));
    const pg::Rows rows = g_lock.execute(a);
    if (rows.empty()) return std::nullopt;
    return rows[0].instant(1) + core::Micros{rows[0].i64(2)};
}

namespace {

LeaseRow lease_of(const pg::Row& row) {
    LeaseRow l{pg::uuid_bytes(row.datum(1)), core::Micros{row.i64(2)}, row.view(3), {}, {}};
    if (!row.is_null(4)) l.concurrency_key = row.view(4);
    if (!row.is_null(5)) l.sequence_key = row.view(5);
    return l;
}

}  // namespace

std::optional<LeaseRow> read_lease_row(int64 job_id) {
    const MemoryContext outside = CurrentMemoryContext;
    const AsOwner scope;
    const pg::LatestSnapshot fresh;
    pg::Args<1> a;
    a.i64(1, job_id);
    const pg::Rows rows = g_read_row.execute(a, true);
    if (rows.empty()) return std::nullopt;
    const auto keep = [outside](std::string_view text) {
        return std::string_view(pg::copy_text(text, outside), text.size());
    };
    LeaseRow l = lease_of(rows[0]);
    l.queue = keep(l.queue);
    if (l.concurrency_key) l.concurrency_key = keep(*l.concurrency_key);
    if (l.sequence_key) l.sequence_key = keep(*l.sequence_key);
    return l;
}

std::optional<pg::UuidBytes> token_of_lease(int64 job_id) {
    board::UnwrittenLease lease;
    if (board::read_unwritten(job_id, &lease)) return lease.token;
    const std::optional<LeaseRow> row = read_lease_row(job_id);
    if (!row) return std::nullopt;
    return row->token;
}

bool place_lease(int64 job_id, const LeaseRow& row, core::Instant until) {
    if (!board::board_present()) return false;
    uint32 keys[2] = {board::kNoKeyEntry, board::kNoKeyEntry};
    if (row.concurrency_key)
        keys[0] =
            board::take_key_anyhow(MyDatabaseId, {core::BlockedOn::key, row.queue, *row.concurrency_key});
    if (row.sequence_key)
        keys[1] =
            board::take_key_anyhow(MyDatabaseId, {core::BlockedOn::sequence, row.queue, *row.sequence_key});
    const uint32 queue = board::queue_entry_of(row.queue);
    board::take_place(queue);
    if (board::add_lease(MyDatabaseId, job_id, row.token, until, row.length, keys, queue)) return true;
    board::leave_place(queue);
    for (const uint32 key : keys) board::give_key(key);
    return false;
}

bool renew_lease_row(const TokenPair& pair, core::Instant until, core::Micros length) {
    const AsOwner scope;
    pg::Args<3> a;
    a.i64(1, pair.job_id).set(2, pg::uuid_datum(pair.token)).instant(3, until - length);
    return g_renew.execute(a).processed() > 0;
}

void all_leases(pg::vector<TokenPair>* out) {
    const AsOwner scope;
    for (const pg::Row row : g_load.execute()) out->push_back({row.i64(6), pg::uuid_bytes(row.datum(1))});
}

void ended_lease_rows(core::Instant now, pg::vector<TokenPair>* out) {
    const AsOwner scope;
    for (const pg::Row row : g_rows.execute()) {
        if (row.instant(4) + core::Micros{row.i64(3)} <= now)
            out->push_back({row.i64(1), pg::uuid_bytes(row.datum(2))});
    }
}

// A lease whose end was announced before its entry was placed would stay on the board for its whole length.
// Its row is gone for a snapshot that was taken afterwards; a row that is still there announces its end
// later.
void drop_ended(const pg::vector<TokenPair>& placed) {
    for (const TokenPair& pair : placed) {
        const std::optional<LeaseRow> row = read_lease_row(pair.job_id);
        if (!row || row->token.bytes != pair.token.bytes)
            board::drop_lease(MyDatabaseId, pair.job_id, pair.token);
    }
}

void read_board(pg::vector<board::LeaseName>* into) {
    into->resize(static_cast<std::size_t>(board::name_leases(MyDatabaseId, nullptr, 0)));
    const int n = board::name_leases(MyDatabaseId, into->data(), static_cast<int>(into->size()));
    into->resize(std::min(into->size(), static_cast<std::size_t>(n)));
}

// `rows`: what is leased, read after `named` was on the board. A claim whose commit is under way is on the
// board before its row says so, but its job is there. (Not so if it claims what it has enqueued itself: that
// lease comes back with the next reading.)
void drop_without_job(const pg::vector<board::LeaseName>& named, const pg::Rows& rows,
                      pg::ContextResource* memory) {
    pg::vector<int64> leased(memory);
    leased.reserve(rows.size());
    for (const pg::Row row : rows) leased.push_back(row.i64(6));
    std::sort(leased.begin(), leased.end());
    for (const board::LeaseName& lease : named) {
        if (std::binary_search(leased.begin(), leased.end(), lease.job_id)) continue;
        pg::Args<1> a;
        a.i64(1, lease.job_id);
        if (g_is_live.execute(a).empty()) board::drop_lease(MyDatabaseId, lease.job_id, lease.token);
    }
}

int64 load_leases(core::Instant now) {
    const AsOwner scope;
    int64 unplaced = 0;
    const pg::Context context("foreman leases", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<TokenPair> placed(&memory);
    pg::vector<board::LeaseName> named(&memory);
    read_board(&named);
    const pg::Rows rows = g_load.execute();
    drop_without_job(named, rows, &memory);
    if (!rows.empty()) board::debug_point(board::DebugPoint::inside_reread);
    for (const pg::Row row : rows) {
        board::LeaseReading known{};
        // An entry may be newer than what was read here; one that is not is found out when it ends.
        if (board::read_lease(MyDatabaseId, row.i64(6), &known)) continue;
        const LeaseRow lease = lease_of(row);
        if (place_lease(row.i64(6), lease, now + lease.length)) {
            placed.push_back({row.i64(6), lease.token});
        } else {
            unplaced++;
        }
    }
    drop_ended(placed);
    if (board::DatabaseSlot* d = board::database_slot(MyDatabaseId))
        pg_atomic_write_u32(&d->leases_loaded, 1);
    return unplaced;
}

void place_leases_off_board(core::Instant now, pg::vector<TokenPair>* ended) {
    const AsOwner scope;
    const pg::Context context("foreman leases", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<TokenPair> placed(&memory);
    for (const pg::Row row : g_load.execute()) {
        board::LeaseReading known{};
        if (board::read_lease(MyDatabaseId, row.i64(6), &known)) continue;
        const LeaseRow lease = lease_of(row);
        const core::Instant until = row.instant(7) + lease.length;
        if (until <= now) {
            ended->push_back({row.i64(6), lease.token});
        } else if (place_lease(row.i64(6), lease, until)) {
            placed.push_back({row.i64(6), lease.token});
        }
    }
    drop_ended(placed);
}

}  // namespace foreman::store
