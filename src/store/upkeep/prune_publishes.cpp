// See prune_publishes.hpp.
#include "store/upkeep/prune_publishes.hpp"

#include "board/settings.hpp"
#include "pg/spi.hpp"
#include "store/db/sql_names.hpp"
#include "store/publish/publishes.hpp"

namespace foreman::store {

namespace {

constexpr int64 kLook = 500;
constexpr int64 kBatch = 2000;

// Subqueries, not joins: whatever the statistics say, a job is looked for by its id.
constinit pg::Statement g_publishes{
    "prune_publishes",
    "WITH w AS MATERIALIZED (SELECT p.publish_id, p.published_at, p.job_ids FROM foreman.publish p WHERE "
    "(p.published_at, p.publish_id) " GT " ($2, $3) AND p.published_at " LT
    " $1 ORDER BY p.published_at, p.publish_id LIMIT $4), d AS (DELETE FROM foreman.publish WHERE "
    "publish_id " EQ
    " ANY (ARRAY (SELECT w.publish_id FROM w WHERE (SELECT l.job_id FROM foreman.live_job l WHERE "
    "l.job_id " EQ
    " ANY (w.job_ids) LIMIT 1) IS NULL AND (SELECT x.job_id FROM foreman.dead_letter x WHERE x.job_id " EQ
    " ANY (w.job_ids) LIMIT 1) IS NULL)) RETURNING 1) SELECT (SELECT pg_catalog.count(*) FROM d), (SELECT "
    "pg_catalog.count(*) FROM w), n.published_at, n.publish_id FROM (SELECT 1) one LEFT JOIN (SELECT "
    "w.published_at, w.publish_id FROM w ORDER BY w.published_at DESC, w.publish_id DESC LIMIT 1) n ON true",
    {TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, INT8OID}};

// Ids are in the order of time, but for transactions that were open side by side.
constinit pg::Statement g_unroutable{
    "prune_unroutable",
    "DELETE FROM foreman.unroutable_publish WHERE ctid " EQ
    " ANY (ARRAY (SELECT f.ctid FROM (SELECT u.ctid, u.published_at, u.unroutable_id FROM "
    "foreman.unroutable_publish u ORDER BY u.unroutable_id LIMIT $2) f WHERE f.published_at " LT
    " $1 OR f.unroutable_id " LE
    " ((SELECT pg_catalog.max(m.unroutable_id) FROM foreman.unroutable_publish m) " MINUS " $3)))",
    {TIMESTAMPTZOID, INT8OID, INT8OID}};

core::Instant over(core::Instant now) noexcept { return now - core::seconds(settings::retain_publishes_s); }

}  // namespace

PrunedSome prune_publishes(core::Instant now, PrunePlace* place) {
    pg::Args<4> a;
    a.instant(1, over(now)).instant(2, place->at).i64(3, place->number).i64(4, kLook);
    const pg::Rows rows = g_publishes.execute(a);
    const pg::Row r = rows[0];
    if (r.i64(2) > 0) *place = {r.instant(3), r.i64(4)};
    return {r.i64(1), r.i64(2) == kLook};
}

PrunedSome prune_unroutable(core::Instant now) {
    pg::Args<3> a;
    a.instant(1, over(now)).i64(2, kBatch).i64(3, kMostUnroutable);
    const auto rows = static_cast<int64>(g_unroutable.execute(a).processed());
    return {rows, rows == kBatch};
}

}  // namespace foreman::store
