// See upkeep.hpp.
#include "store/upkeep/upkeep.hpp"

#include "board/debug_points.hpp"
#include "board/depths.hpp"
#include "pg/call.hpp"
#include "pg/command.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"
#include "pg/spi.hpp"
#include "pg/xact.hpp"
#include "store/commit/remember.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/definitions.hpp"
#include "store/upkeep/workflow_statistics.hpp"

namespace foreman::store {

namespace {

constinit pg::Statement g_has_default_rows{"default_rows",
                                           "SELECT 1 FROM foreman.job_history_default WHERE finished_at " GE
                                           " $1 AND finished_at " LT " $2 LIMIT 1",
                                           {TIMESTAMPTZOID, TIMESTAMPTZOID}};

constinit pg::Statement g_count{"count_live",
                                "SELECT queue, pg_catalog.count(*) FROM foreman.live_job GROUP BY queue"};

constinit pg::Statement g_prepared_set{
    "prepared_transactions",
    "SELECT pg_catalog.count(*), coalesce(pg_catalog.hashtextextended(pg_catalog.string_agg("
    "transaction::pg_catalog.text, ' ' ORDER BY prepared, transaction::pg_catalog.text), 0), 0) FROM "
    "pg_catalog.pg_prepared_xacts WHERE database " EQ " pg_catalog.current_database()"};

constinit pg::Statement g_waiting{
    "count_waiting",
    "SELECT queue, pg_catalog.count(*), pg_catalog.min(run_at) FILTER (WHERE state " EQ
    " 'w'::pg_catalog.\"char\"), pg_catalog.count(*) FILTER (WHERE state " EQ
    " 'w'::pg_catalog.\"char\" AND run_at " GT " $1), pg_catalog.count(*) FILTER (WHERE state " EQ
    " 'r'::pg_catalog.\"char\"), pg_catalog.count(*) FILTER (WHERE state " EQ
    " 'b'::pg_catalog.\"char\") FROM foreman.live_job GROUP BY queue ORDER BY queue",
    {TIMESTAMPTZOID}};

// Costs an insert next to nothing; vacuum adds what was appended. See newest.cpp for who reads it.
constexpr const char* kNewestIndex =
    "USING brin (finished_at, kind pg_catalog.text_bloom_ops (n_distinct_per_range = 16), queue "
    "pg_catalog.text_bloom_ops (n_distinct_per_range = 16), outcome pg_catalog.char_bloom_ops "
    "(n_distinct_per_range = 16)) WITH (pages_per_range = 16)";
constexpr const char* kHistoryIndexes[] = {kNewestIndex, "(job_id)",
                                           "(batch_id) WHERE (batch_id IS NOT NULL)"};

}  // namespace

constinit const DailyTable kHistory{"job_history", "finished_at",
                                    "(autovacuum_vacuum_insert_scale_factor = 0.02)", kHistoryIndexes,
                                    &g_has_default_rows};

PreparedSet prepared_transactions() {
    const AsOwner scope;
    const pg::Rows rows = g_prepared_set.execute();
    return {rows[0].i64(1), rows[0].i64(2)};
}

void visit_waiting(core::Instant now, void (*visit)(void*, const QueueCount&), void* arg) {
    const AsOwner scope;
    scope.allow_any_plan();
    pg::Args<1> a;
    a.instant(1, now);
    for (const pg::Row row : g_waiting.execute(a)) {
        const core::Instant oldest = row.is_null(3) ? core::kPlusInfinity : row.instant(3);
        visit(arg, {row.view(1), row.i64(2), oldest, row.i64(4), row.i64(5), row.i64(6)});
    }
}

void make_first_partitions(core::Instant now) {
    const bool creating = std::exchange(creating_extension, false);
    try {
        make_partitions(kHistory, now);
    } catch (...) {
        creating_extension = creating;
        throw;
    }
    creating_extension = creating;
}

void recount_queues() {
    const AsOwner scope;
    scope.allow_any_plan();
    const pg::LatestSnapshot active(board::begin_count());
    board::debug_point(board::DebugPoint::inside_count);
    for (const pg::Row row : g_count.execute(true)) board::set_depth(row.view(1), row.i64(2));
    recount_workflows();
    board::end_count();
}

}  // namespace foreman::store
