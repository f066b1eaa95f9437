// See publishes.hpp.
#include "store/publish/publishes.hpp"

#include "core/validate.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/encoding.hpp"
#include "pg/spi.hpp"
#include "pg/xact.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"

namespace foreman::store {

namespace {

constexpr std::size_t kMostKeptBytes = 8192;

constinit pg::Statement g_next{"next_publish", "SELECT pg_catalog.nextval('foreman.publish_seq')"};
constinit pg::Statement g_find{"find_publish",
                               "SELECT publish_id FROM foreman.publish WHERE topic " EQ
                               " $1 AND idempotency_key " EQ " $2",
                               {TEXTOID, TEXTOID}};
constinit pg::Statement g_insert{
    "insert_publish",
    "INSERT INTO foreman.publish (publish_id, topic, payload, idempotency_key, published_at, run_at, "
    "subscriptions, job_ids) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (topic, idempotency_key) "
    "WHERE idempotency_key IS NOT NULL DO NOTHING",
    {INT8OID, TEXTOID, JSONBOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTARRAYOID, INT8ARRAYOID}};

// state, attempt and what else a new job has in common with all others are defaults of the table.
constinit pg::Statement g_insert_jobs{
    "insert_deliveries",
    "INSERT INTO foreman.live_job (job_id, run_at, enqueued_at, priority, max_attempts, queue, kind, args, "
    "origin, origin_id, alone, timeout_us) SELECT u.job_id, $6, $7, u.priority, u.max_attempts, u.queue, "
    "u.kind, pg_catalog.jsonb_build_object('topic', $2, 'payload', $3, 'publish_id', $1, 'published_at', $5, "
    "'subscription', u.subscription) " CAT
    " CASE WHEN $4 IS NULL THEN '{}' ELSE pg_catalog.jsonb_build_object('idempotency_key', $4) END, 'p', $1, "
    "u.alone, u.timeout_us FROM ROWS FROM (pg_catalog.unnest($8), pg_catalog.unnest($9), "
    "pg_catalog.unnest($10), pg_catalog.unnest($11), pg_catalog.unnest($12), pg_catalog.unnest($13), "
    "pg_catalog.unnest($14), pg_catalog.unnest($15)) AS u(job_id, priority, max_attempts, queue, kind, "
    "subscription, alone, timeout_us)",
    {INT8OID, TEXTOID, JSONBOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8ARRAYOID,
     INT2ARRAYOID, INT2ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, INT2ARRAYOID, INT8ARRAYOID}};

constinit pg::Statement g_note{
    "note_unroutable",
    "INSERT INTO foreman.unroutable_publish (unroutable_id, topic, idempotency_key, reason, payload, "
    "payload_bytes, published_at, published_by) VALUES "
    "(pg_catalog.nextval('foreman.unroutable_publish_seq'), $1, $2, $3, $4, $5, $6, $7) RETURNING "
    "unroutable_id",
    {TEXTOID, TEXTOID, TEXTOID, JSONBOID, INT8OID, TIMESTAMPTZOID, TEXTOID}};
constinit pg::Statement g_forget{
    "forget_unroutable",
    "DELETE FROM foreman.unroutable_publish WHERE ctid " EQ
    " ANY (ARRAY (SELECT u.ctid FROM foreman.unroutable_publish u WHERE u.unroutable_id " EQ
    " $1 FOR UPDATE SKIP LOCKED))",
    {INT8OID}};

// The columns of the jobs as arrays.
class JobArrays {
  public:
    explicit JobArrays(std::span<const Delivery> deliveries) : deliveries_(deliveries), values_(&memory_) {}

    template <class Value>
    Datum of(pg::ElementType type, Value value) {
        values_.clear();
        for (const Delivery& d : deliveries_) {
            if (d.job.id > 0) values_.push_back(value(d));
        }
        return pg::array_datum(type, {values_.data(), values_.size()});
    }
    Datum timeouts() {
        values_.clear();
        pg::vector<bool> nulls(&memory_);
        for (const Delivery& d : deliveries_) {
            if (d.job.id <= 0) continue;
            values_.push_back(Int64GetDatum(d.job.timeout_us.value_or(0)));
            nulls.push_back(!d.job.timeout_us);
        }
        return pg::array_datum(pg::kInt8, {values_.data(), values_.size()}, nulls.data());
    }
    std::size_t count() const noexcept { return values_.size(); }

  private:
    std::span<const Delivery> deliveries_;
    pg::ContextResource memory_{CurrentMemoryContext};
    pg::vector<Datum> values_;
};

void insert_jobs_of(const NewPublish& p, std::span<const Delivery> deliveries) {
    JobArrays arrays(deliveries);
    pg::Args<15> a;
    a.i64(1, p.id).text(2, p.topic).set(3, p.payload);
    if (!p.key.empty()) a.text(4, p.key);
    a.instant(5, p.published_at).instant(6, p.run_at).instant(7, pg::clock_now());
    a.set(8, arrays.of(pg::kInt8, [](const Delivery& d) { return Int64GetDatum(d.job.id); }));
    if (arrays.count() == 0) return;
    a.set(9, arrays.of(pg::kInt2, [](const Delivery& d) { return Int16GetDatum(d.job.priority); }));
    a.set(10, arrays.of(pg::kInt2, [](const Delivery& d) { return Int16GetDatum(d.job.max_attempts); }));
    a.set(11, arrays.of(pg::kText, [](const Delivery& d) { return pg::text_datum(d.job.queue); }));
    a.set(12, arrays.of(pg::kText, [](const Delivery& d) { return pg::text_datum(d.job.kind); }));
    a.set(13, arrays.of(pg::kText, [](const Delivery& d) { return pg::text_datum(d.subscription); }));
    a.set(14, arrays.of(pg::kInt2, [](const Delivery& d) { return Int16GetDatum(d.job.alone()); }));
    a.set(15, arrays.timeouts());
    g_insert_jobs.execute(a);
    for (const Delivery& d : deliveries) {
        if (d.job.id > 0) remember_new(d.job, d.job.id, 1);
    }
}

}  // namespace

int64 next_publish_id() {
    const AsOwner scope;
    return g_next.execute()[0].i64(1);
}

std::optional<int64> find_publish(std::string_view topic, std::string_view key) {
    const AsOwner scope;
    // What others committed since, also under REPEATABLE READ: the unique index sees it as well.
    const pg::LatestSnapshot fresh;
    pg::Args<2> a;
    a.text(1, topic).text(2, key);
    const pg::Rows rows = g_find.execute(a, true);
    if (rows.empty()) return std::nullopt;
    return rows[0].i64(1);
}

bool insert_publish(const NewPublish& p, std::span<const Delivery> deliveries) {
    const AsOwner scope;
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<Datum> names(&memory);
    pg::vector<int64> ids(&memory);
    for (const Delivery& d : deliveries) {
        names.push_back(pg::text_datum(d.subscription));
        ids.push_back(d.job.id);
    }
    pg::Args<8> a;
    a.i64(1, p.id).text(2, p.topic).set(3, p.payload);
    if (!p.key.empty()) a.text(4, p.key);
    a.instant(5, p.published_at).instant(6, p.run_at);
    a.set(7, pg::array_datum(pg::kText, {names.data(), names.size()}));
    a.set(8, pg::int8_array({ids.data(), ids.size()}));
    if (g_insert.execute(a).processed() == 0) return false;
    insert_jobs_of(p, deliveries);
    return true;
}

void note_unroutable(const Unroutable& u) {
    const AsOwner scope;
    pg::Args<7> a;
    if (u.topic) a.text(1, pg::cut(*u.topic, core::kMaxNameBytes));
    if (u.key) a.text(2, pg::cut(*u.key, core::kMaxNameBytes));
    a.text(3, u.reason).instant(6, now()).text(7, u.by);
    if (u.payload) {
        const std::size_t bytes = pg::datum_bytes(*u.payload);
        if (bytes <= kMostKeptBytes) a.set(4, *u.payload);
        a.i64(5, static_cast<int64>(bytes));
    }
    const int64 id = g_note.execute(a)[0].i64(1);
    pg::Args<1> old;
    old.i64(1, id - kMostUnroutable);
    g_forget.execute(old);
}

}  // namespace foreman::store
