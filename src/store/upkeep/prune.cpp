// See prune.hpp. A batch goes on behind the place in the table where the last one ended, so that a pass reads
// every table once.
#include "store/upkeep/prune.hpp"

#include <algorithm>
#include <iterator>

#include "pg/call.hpp"
#include "pg/command.hpp"
#include "pg/datum.hpp"
#include "pg/spi.hpp"
#include "pg/xact.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/definitions.hpp"
#include "store/feed/projections.hpp"
#include "store/upkeep/upkeep.hpp"

namespace foreman::store {

namespace {

// What one step reads and removes at most: about ten milliseconds, since the dispatcher has more to do.
constexpr int kBatch = 2000;
constexpr uint32 kBlocks = 128;
constexpr int kDropTries = 10;
// Tables up to this size are counted before they are dropped; of larger ones the server's estimate is
// reported.
constexpr int64 kCountedBytes = int64{16} << 20;

// Ours are told by their names: job_history_ and the day.
constinit pg::Statement g_partitions{
    "prune_partitions",
    "SELECT c.relname::pg_catalog.text FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid " EQ
    " i.inhrelid WHERE i.inhparent " EQ
    " 'foreman.job_history'::pg_catalog.regclass AND c.relname OPERATOR(pg_catalog.~) "
    "'^job_history_[0-9]{8}$' ORDER BY c.relname"};

// Every retention of history that some queue has, those without a row included.
constinit pg::Statement g_retentions{
    "retentions",
    "SELECT COALESCE(q.retain_completed, '7 days'::pg_catalog.interval) FROM foreman.queue q UNION SELECT "
    "COALESCE(q.retain_cancelled, '7 days'::pg_catalog.interval) FROM foreman.queue q UNION SELECT '7 "
    "days'::pg_catalog.interval"};

constinit pg::Statement g_size{
    "table_size", "SELECT pg_catalog.pg_relation_size(pg_catalog.to_regclass($1))", {TEXTOID}};

constinit pg::Statement g_delete_statistics{
    "prune_statistics",
    "DELETE FROM foreman.minute_stat WHERE ctid " EQ
    " ANY (ARRAY (SELECT s.ctid FROM foreman.minute_stat s WHERE s.minute " LT " $1 LIMIT $2))",
    {TIMESTAMPTZOID, INT8OID}};

constinit pg::Statement g_delete_hours{"prune_hours",
                                       "DELETE FROM foreman.hour_stat WHERE ctid " EQ
                                       " ANY (ARRAY (SELECT s.ctid FROM foreman.hour_stat s WHERE s.hour " LT
                                       " $1 LIMIT $2))",
                                       {TIMESTAMPTZOID, INT8OID}};

constinit pg::Statement g_delete_workflow_statistics{
    "prune_workflow_statistics",
    "DELETE FROM foreman.workflow_minute_stat WHERE ctid " EQ
    " ANY (ARRAY (SELECT s.ctid FROM foreman.workflow_minute_stat s WHERE s.minute " LT " $1 LIMIT $2))",
    {TIMESTAMPTZOID, INT8OID}};

// %s: the table, the place behind which the batch begins, and the block that it does not come to. The
// deletion finds its rows by an array of places: planned as a join it may read the table again. The queue is
// no join either: rows have to come in the order of their places, since the batch goes on behind the last.
constexpr const char* kDeleteHistory =
    "WITH v AS MATERIALIZED (SELECT h.ctid AS c, h.queue FROM %s h WHERE h.ctid " GT
    " '(%u,%u)'::pg_catalog.tid AND h.ctid " LT " '(%u,0)'::pg_catalog.tid AND h.finished_at " LT
    " ($1 " MINUS " COALESCE((SELECT CASE WHEN h.outcome " EQ
    " 'c' THEN q.retain_completed ELSE q.retain_cancelled END FROM foreman.queue q WHERE q.queue " EQ
    " h.queue), '7 days'::pg_catalog.interval)) LIMIT %d FOR UPDATE OF h SKIP LOCKED), d AS (DELETE FROM %s "
    "WHERE ctid " EQ
    " ANY (ARRAY (SELECT v.c FROM v))) SELECT v.queue, pg_catalog.count(*), pg_catalog.max(v.c) FROM v GROUP "
    "BY v.queue";
constexpr const char* kDeleteDead =
    "WITH v AS MATERIALIZED (SELECT h.ctid AS c, h.queue FROM %s h WHERE h.ctid " GT
    " '(%u,%u)'::pg_catalog.tid AND h.ctid " LT " '(%u,0)'::pg_catalog.tid AND h.discarded_at " LT
    " ($1 " MINUS " COALESCE((SELECT q.retain_discarded FROM foreman.queue q WHERE q.queue " EQ
    " h.queue), '30 days'::pg_catalog.interval)) LIMIT %d FOR UPDATE OF h SKIP LOCKED), d AS (DELETE FROM %s "
    "WHERE ctid " EQ
    " ANY (ARRAY (SELECT v.c FROM v))) SELECT v.queue, pg_catalog.count(*), pg_catalog.max(v.c) FROM v GROUP "
    "BY v.queue";

constinit pg::Statement g_delete_windows{
    "prune_windows",
    "DELETE FROM foreman.unique_window WHERE ctid " EQ
    " ANY (ARRAY (SELECT w.ctid FROM foreman.unique_window w WHERE w.until " LE
    " $1 ORDER BY w.until LIMIT $2 FOR UPDATE SKIP LOCKED))",
    {TIMESTAMPTZOID, INT8OID}};

// Finished ones, and those that nobody filled, when nothing is left of their jobs: of $2 batches behind $3.
// Subqueries, not joins: of the history no more than an index is to be read, whatever the statistics say.
constinit pg::Statement g_delete_batches{
    "prune_batches",
    "WITH w AS MATERIALIZED (SELECT b.batch_id FROM foreman.job_batch b WHERE b.batch_id " GT
    " $3 ORDER BY b.batch_id LIMIT $2), v AS MATERIALIZED (SELECT b.batch_id FROM foreman.job_batch b WHERE "
    "b.batch_id " GT " $3 AND b.batch_id " LE
    " (SELECT pg_catalog.max(w.batch_id) FROM w) AND COALESCE(b.finished_at, b.created_at) " LT
    " $1 AND (SELECT 1 FROM foreman.live_job l WHERE l.batch_id " EQ
    " b.batch_id LIMIT 1) IS NULL AND (SELECT 1 FROM foreman.job_history h WHERE h.batch_id " EQ
    " b.batch_id LIMIT 1) IS NULL AND (SELECT 1 FROM foreman.dead_letter d WHERE d.batch_id " EQ
    " b.batch_id LIMIT 1) IS NULL FOR UPDATE OF b SKIP LOCKED), d AS (DELETE FROM foreman.job_batch WHERE "
    "batch_id " EQ
    " ANY (ARRAY (SELECT v.batch_id FROM v)) RETURNING batch_id) SELECT pg_catalog.count(*), "
    "pg_catalog.max(w.batch_id), (SELECT pg_catalog.count(*) FROM d) FROM w",
    {TIMESTAMPTZOID, INT8OID, INT8OID}};
constexpr core::Micros kBatchAge = core::days(7);
constexpr int kBatchesLook = 500;  // each is looked for in every partition of the history

// What goes at an age of its own.
struct Aged {
    const char* what;
    pg::Statement* remove;  // what is older than $1, $2 rows at most
    core::Micros age;
};
constexpr Aged kAged[] = {{"statistics", &g_delete_statistics, core::days(30)},
                          {"statistics of hours", &g_delete_hours, core::days(30)},
                          {"statistics of workflows", &g_delete_workflow_statistics, core::days(30)},
                          {"unique keys", &g_delete_windows, core::Micros{}}};

constexpr core::Instant start_of(int64 day) noexcept { return {day * USECS_PER_DAY}; }

const char* table_of(int64 day, bool is_default) {
    if (is_default) return "foreman.job_history_default";
    const PartitionName name = partition_name(kHistory, day);
    return pg::guarded([&name] { return psprintf("foreman.%s", name.text); });
}

}  // namespace

void Pruner::begin(core::Instant now) {
    removed_.clear();
    days_.clear();
    now_ = now;
    at_ = 0;
    tries_ = 0;
    block_ = 0;
    offset_ = 0;
    kept_.reset();
    phase_ = Phase::begun;
}

void Pruner::read_retentions() {
    retentions_.clear();
    for (const pg::Row row : g_retentions.execute()) retentions_.push_back({interval_us(row.datum(1))});
}

// Everything in it is past every policy.
bool Pruner::is_over(const Day& day) const {
    return !day.is_default &&
           std::all_of(retentions_.begin(), retentions_.end(),
                       [&](core::Micros retention) { return start_of(day.number + 1) <= now_ - retention; });
}

// Something in it is past some policy, and was not when the last pass looked.
bool Pruner::has_work(const Day& day) const {
    if (day.is_default) return true;
    return std::any_of(retentions_.begin(), retentions_.end(), [&](core::Micros retention) {
        return start_of(day.number) < now_ - retention && start_of(day.number + 1) > done_ - retention;
    });
}

void Pruner::count(const char* what, std::string_view queue, int64 rows) {
    for (Pruned& p : removed_) {
        if (p.what == what && std::string_view(p.queue.text, p.queue.len) == queue) {
            p.rows += rows;
            return;
        }
    }
    Pruned p{what, {}, rows};
    p.queue.len = static_cast<uint16>(std::min<std::size_t>(queue.size(), board::kNameBytes - 1));
    queue.copy(p.queue.text, p.queue.len);
    removed_.push_back(p);
}

// Of a table of ours, in blocks; nothing: somebody has dropped it.
std::optional<uint32> blocks_of(const char* table) {
    pg::Args<1> a;
    a.text(1, table);
    const pg::Rows rows = g_size.execute(a);
    if (rows.empty() || rows[0].is_null(1)) return std::nullopt;
    return static_cast<uint32>(rows[0].i64(1) / BLCKSZ);
}

// false: the table has no more.
bool Pruner::delete_batch(const char* form, const char* table, const char* what) {
    if (block_ == 0 && offset_ == 0) end_ = blocks_of(table).value_or(0);
    if (block_ >= end_) return false;
    const uint32 until = std::min(end_ - block_, kBlocks) + block_;
    const char* sql = pg::guarded(
        [&] { return psprintf(form, table, block_, static_cast<unsigned>(offset_), until, kBatch, table); });
    Oid types[] = {TIMESTAMPTZOID};
    Datum values[] = {pg::to_datum(now_)};
    pg::guarded([&] {
        const int rc = SPI_execute_with_args(sql, 1, types, values, nullptr, false, 0);
        if (rc < 0) elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(rc));
    });
    const pg::Rows rows(SPI_tuptable, SPI_processed);
    int64 deleted = 0;
    for (const pg::Row row : rows) {
        deleted += row.i64(2);
        count(what, row.view(1), row.i64(2));
        auto* place = reinterpret_cast<ItemPointer>(DatumGetPointer(row.datum(3)));
        const uint32 block = ItemPointerGetBlockNumberNoCheck(place);
        const uint16 offset = ItemPointerGetOffsetNumberNoCheck(place);
        if (block > block_ || (block == block_ && offset > offset_)) {
            block_ = block;
            offset_ = offset;
        }
    }
    if (deleted == kBatch) return true;
    block_ = until;
    offset_ = 0;
    return block_ < end_;
}

// false: there are no more.
bool Pruner::delete_batches() {
    pg::Args<3> a;
    a.instant(1, now_ - kBatchAge).i64(2, kBatchesLook).i64(3, batch_);
    const pg::Rows rows = g_delete_batches.execute(a);
    if (const int64 deleted = rows[0].i64(3); deleted > 0) count("batches", {}, deleted);
    if (rows[0].i64(1) < kBatchesLook) return false;
    batch_ = rows[0].i64(2);
    return true;
}

// In the same phase as long as there is more.
void Pruner::go_on(const char* what, PrunedSome some, Phase next) {
    if (some.rows > 0) count(what, {}, some.rows);
    if (some.more) return;
    place_ = {};
    phase_ = next;
}

bool Pruner::drop_day(const Day& day) {
    const char* table = table_of(day.number, false);
    const auto read = [](const char* sql) {
        pg::run_once(sql);
        return pg::Rows(SPI_tuptable, SPI_processed);
    };
    int64 rows = 0;
    {
        const pg::Rows known = read(pg::guarded([table] {
            return psprintf(
                "SELECT pg_catalog.pg_relation_size(c.oid), c.reltuples::pg_catalog.int8 FROM "
                "pg_catalog.pg_class c WHERE c.oid " EQ " pg_catalog.to_regclass('%s')",
                table);
        }));
        if (known.empty()) return false;  // somebody else dropped it
        rows = std::max<int64>(known[0].i64(2), 0);
        if (known[0].i64(1) <= kCountedBytes)
            rows = read(pg::guarded(
                [table] { return psprintf("SELECT pg_catalog.count(*) FROM %s", table); }))[0]
                       .i64(1);
    }
    pg::run_utility(pg::guarded([table] { return psprintf("DROP TABLE IF EXISTS %s", table); }));
    count("partitions", {}, rows);
    return true;
}

// false: the table was not to be had in time. What that tried is undone, what the transaction did before
// stays. One that cannot go, since something of a user depends on it, does not keep the others.
bool Pruner::try_drop_day(const Day& day) {
    try {
        pg::Subtransaction sub;
        drop_day(day);
        sub.commit();
        return true;
    } catch (const pg::PgError& e) {
        if (e.sqlstate() == ERRCODE_LOCK_NOT_AVAILABLE) return false;
        if (e.sqlstate() == ERRCODE_ADMIN_SHUTDOWN || e.sqlstate() == ERRCODE_QUERY_CANCELED) throw;
        kept_.emplace(e.sqlstate(), "partition %s cannot be dropped: %s",
                      partition_name(kHistory, day.number).text, e.message());
        kept_->detail("%s", e.detail()).hint("Nothing of yours may depend on partitions of the history.");
        return true;
    }
}

bool Pruner::step() {
    const AsOwner scope;
    // A range of places is read in their order, the whole table may be read from its middle.
    if (phase_ == Phase::begun || phase_ == Phase::aged || phase_ == Phase::partitions)
        scope.allow_any_plan();
    pg::GucScope settings;
    settings.set("lock_timeout", "100ms");
    settings.set("search_path", "pg_catalog, pg_temp");
    // With many queues this costs as much as a step; what is dropped is judged by what holds now.
    if (phase_ == Phase::begun || phase_ == Phase::partitions) read_retentions();
    switch (phase_) {
        case Phase::none:
            return false;
        case Phase::begun:
            if (queue_generation() != generation_) done_ = core::kMinusInfinity;
            generation_ = queue_generation();
            days_.push_back({0, true});
            for (const pg::Row row : g_partitions.execute()) {
                int64 day = 0;
                if (parse_partition_name(kHistory, row.view(1), &day)) days_.push_back({day, false});
            }
            phase_ = Phase::dead_letters;
            return true;
        case Phase::dead_letters:
            if (delete_batch(kDeleteDead, "foreman.dead_letter", "dead letters")) return true;
            phase_ = Phase::aged;
            break;
        case Phase::aged: {
            const Aged& aged = kAged[at_];
            pg::Args<2> a;
            a.instant(1, now_ - aged.age).i64(2, kBatch);
            const auto rows = static_cast<int64>(aged.remove->execute(a).processed());
            if (rows > 0) count(aged.what, {}, rows);
            if (rows == kBatch || ++at_ < std::size(kAged)) return true;
            at_ = 0;
            phase_ = Phase::batches;
            batch_ = PG_INT64_MIN;
            return true;
        }
        case Phase::batches:
            if (delete_batches()) return true;
            pass_by_idle_projections();
            phase_ = Phase::workflows;
            place_ = {};
            return true;
        case Phase::workflows:
            go_on("workflows", prune_instances(now_, &place_), Phase::inputs);
            return true;
        case Phase::inputs:
            go_on("inputs", prune_strayed_inputs(now_, &place_), Phase::publishes);
            return true;
        case Phase::publishes:
            go_on("publishes", prune_publishes(now_, &place_), Phase::unroutable);
            return true;
        case Phase::unroutable:
            go_on("unroutable publishes", prune_unroutable(now_), Phase::history);
            if (phase_ == Phase::unroutable) return true;
            break;
        case Phase::history:
            while (at_ < days_.size() && (is_over(days_[at_]) || !has_work(days_[at_]))) at_++;
            if (at_ == days_.size()) {
                at_ = 0;
                phase_ = Phase::partitions;
                return true;
            }
            if (delete_batch(kDeleteHistory, table_of(days_[at_].number, days_[at_].is_default), "history"))
                return true;
            at_++;
            break;
        case Phase::partitions:
            while (at_ < days_.size() && !is_over(days_[at_])) at_++;
            if (at_ == days_.size()) {
                phase_ = Phase::none;
                if (kept_) throw *std::exchange(kept_, std::nullopt);
                if (queue_generation() == generation_) done_ = now_;
                return false;
            }
            tries_ = try_drop_day(days_[at_]) ? 0 : tries_ + 1;
            if (tries_ == kDropTries) tries_ = 0;
            if (tries_ == 0) at_++;
            return true;
    }
    block_ = 0;
    offset_ = 0;
    return true;
}

}  // namespace foreman::store
