// See upkeep.hpp. Days are UTC days. Partition names carry their day: job_history_20261121.
#include "store/upkeep/upkeep.hpp"

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
#include "store/definitions/stray_rights.hpp"

namespace foreman::store {

namespace {

constexpr int kDaysAhead = 3;

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

struct Day {
    int64 number;  // days since 2000-01-01
    core::Instant start() const noexcept { return {number * USECS_PER_DAY}; }
    core::Instant end() const noexcept { return {(number + 1) * USECS_PER_DAY}; }
};

Day day_of(core::Instant t) noexcept {
    int64 n = t.us / USECS_PER_DAY;
    if (t.us % USECS_PER_DAY < 0) n--;
    return {n};
}

// yyyymmdd, for names and bounds.
struct DayText {
    char compact[16];
    char bound[40];
};
DayText text_of(Day day) noexcept {
    int y = 0;
    int m = 0;
    int d = 0;
    j2date(static_cast<int>(day.number) + POSTGRES_EPOCH_JDATE, &y, &m, &d);
    DayText t{};
    std::snprintf(t.compact, sizeof(t.compact), "%04d%02d%02d", y % 10000, m % 100, d % 100);
    std::snprintf(t.bound, sizeof(t.bound), "%04d-%02d-%02d 00:00:00+00", y % 10000, m % 100, d % 100);
    return t;
}

bool partition_exists(Day day) {
    const DayText t = text_of(day);
    char name[NAMEDATALEN];
    std::snprintf(name, sizeof(name), "job_history_%s", t.compact);
    return pg::guarded(
        [&name] { return OidIsValid(get_relname_relid(name, get_namespace_oid("foreman", false))); });
}

void make_partition(Day day) {
    const DayText from = text_of(day);
    const DayText to = text_of({day.number + 1});
    pg::Args<2> a;
    a.instant(1, day.start()).instant(2, day.end());
    const bool move = !g_has_default_rows.execute(a).empty();
    pg::run_utility(pg::guarded([&] {
        return psprintf(
            "CREATE TABLE foreman.job_history_%s (LIKE foreman.job_history) "
            "WITH (autovacuum_vacuum_insert_scale_factor = 0.02)",
            from.compact);
    }));
    // Costs an insert next to nothing; vacuum adds what was appended. See newest.cpp for who reads it.
    pg::run_utility(pg::guarded([&] {
        return psprintf(
            "CREATE INDEX ON foreman.job_history_%s USING brin (finished_at, kind pg_catalog.text_bloom_ops "
            "(n_distinct_per_range = 16), queue pg_catalog.text_bloom_ops (n_distinct_per_range = 16), "
            "outcome "
            "pg_catalog.char_bloom_ops (n_distinct_per_range = 16)) WITH (pages_per_range = 16)",
            from.compact);
    }));
    pg::run_utility(pg::guarded(
        [&] { return psprintf("ALTER TABLE foreman.job_history_%s REPLICA IDENTITY FULL", from.compact); }));
    copy_rights("foreman.job_history",
                pg::guarded([&] { return psprintf("foreman.job_history_%s", from.compact); }));
    pg::run_utility(pg::guarded(
        [&] { return psprintf("CREATE INDEX ON foreman.job_history_%s (job_id)", from.compact); }));
    pg::run_utility(pg::guarded([&] {
        return psprintf("CREATE INDEX ON foreman.job_history_%s (batch_id) WHERE (batch_id IS NOT NULL)",
                        from.compact);
    }));
    if (move) {
        const char* sql = pg::guarded([&] {
            return psprintf("WITH m AS (DELETE FROM foreman.job_history_default WHERE finished_at " GE
                            " '%s' AND finished_at " LT
                            " '%s' RETURNING *) INSERT INTO foreman.job_history_%s SELECT * FROM m",
                            from.bound, to.bound, from.compact);
        });
        pg::guarded([sql] {
            const int rc = SPI_execute(sql, false, 0);
            if (rc < 0) elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(rc));
        });
    }
    pg::run_utility(pg::guarded([&] {
        return psprintf(
            "ALTER TABLE foreman.job_history ATTACH PARTITION foreman.job_history_%s FOR VALUES FROM ('%s') "
            "TO ('%s')",
            from.compact, from.bound, to.bound);
    }));
}

}  // namespace

int make_partitions(core::Instant now) {
    const AsOwner scope;
    pg::GucScope settings;
    settings.set("lock_timeout", "100ms");
    settings.set("search_path", "pg_catalog, pg_temp");
    int made = 0;
    const Day today = day_of(now);
    for (int i = 0; i <= kDaysAhead; i++) {
        const Day day{today.number + i};
        if (partition_exists(day)) continue;
        make_partition(day);
        made++;
    }
    return made;
}

PartitionName partition_name(int64 day) noexcept {
    PartitionName name{};
    std::snprintf(name.text, sizeof(name.text), "job_history_%s", text_of({day}).compact);
    return name;
}

bool parse_partition_name(std::string_view name, int64* day) noexcept {
    if (name.size() != std::strlen("job_history_yyyymmdd")) return false;
    int digits[8];
    for (std::size_t i = 0; i < 8; i++) {
        const char c = name[name.size() - 8 + i];
        if (c < '0' || c > '9') return false;
        digits[i] = c - '0';
    }
    const int y = digits[0] * 1000 + digits[1] * 100 + digits[2] * 10 + digits[3];
    *day = date2j(y, digits[4] * 10 + digits[5], digits[6] * 10 + digits[7]) - POSTGRES_EPOCH_JDATE;
    return true;
}

bool partition_ready(core::Instant at) { return partition_exists(day_of(at)); }

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
        make_partitions(now);
    } catch (...) {
        creating_extension = creating;
        throw;
    }
    creating_extension = creating;
}

void recount_queues() {
    const AsOwner scope;
    scope.allow_any_plan();
    const pg::LatestSnapshot active(begin_count());
    debug_point(DebugPoint::inside_count);
    for (const pg::Row row : g_count.execute(true)) set_depth(row.view(1), row.i64(2));
    end_count();
}

}  // namespace foreman::store
