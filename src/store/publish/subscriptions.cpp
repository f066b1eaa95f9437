// See subscriptions.hpp.
#include "store/publish/subscriptions.hpp"

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"
#include "pg/spi.hpp"
#include "pg/xact.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/queues.hpp"

namespace foreman::store {

namespace {

constinit RelationCache<SubscriptionSet> g_sets{"foreman subscriptions", subscription_generation};

constinit pg::Statement g_read{
    "subscriptions",
    "SELECT subscription_id, name, pattern, kind, queue, priority, max_attempts, timeout, active FROM "
    "foreman.subscription ORDER BY name"};
constinit pg::Statement g_insert{
    "insert_subscription",
    "INSERT INTO foreman.subscription (subscription_id, name, pattern, kind, queue, priority, max_attempts, "
    "timeout, active, created_at) VALUES (pg_catalog.nextval('foreman.subscription_seq'), $1, $2, $3, $4, "
    "$5, $6, $7, $8, $9) ON CONFLICT (name) DO NOTHING RETURNING subscription_id",
    {TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT2OID, INT2OID, INTERVALOID, BOOLOID, TIMESTAMPTZOID}};
// What is not changed comes from the row, which somebody else may have changed meanwhile.
constinit pg::Statement g_change{
    "change_subscription",
    "UPDATE foreman.subscription SET pattern = COALESCE($2, pattern), kind = COALESCE($3, kind), queue = "
    "CASE WHEN "
    "$9 THEN NULL ELSE COALESCE($4, queue) END, priority = CASE WHEN $10 THEN NULL ELSE COALESCE($5, "
    "priority) END, "
    "max_attempts = CASE WHEN $11 THEN NULL ELSE COALESCE($6, max_attempts) END, timeout = CASE WHEN $12 "
    "THEN NULL "
    "ELSE COALESCE($7, timeout) END, active = COALESCE($8, active) WHERE name " EQ " $1",
    {TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT2OID, INT2OID, INTERVALOID, BOOLOID, BOOLOID, BOOLOID, BOOLOID,
     BOOLOID}};
constinit pg::Statement g_remove{
    "remove_subscription", "DELETE FROM foreman.subscription WHERE name " EQ " $1", {TEXTOID}};
// The claimable jobs of a range are in its index; where several queues have jobs of the kind, each is another range.
constinit pg::Statement g_unheard{
    "unheard_subscriptions",
    "WITH s AS MATERIALIZED (SELECT s.name, s.kind FROM foreman.subscription s WHERE s.active AND (SELECT "
    "h.kind FROM foreman.handler h WHERE h.kind " EQ
    " s.kind) IS NULL AND (SELECT l.job_id FROM foreman.live_job l WHERE l.queue " EQ
    " COALESCE(s.queue, 'default') AND l.kind " EQ " s.kind AND l.state " EQ " 'w' AND l.run_at " LT
    " $1 LIMIT 1) IS NOT NULL ORDER BY s.name) SELECT pg_catalog.count(*), pg_catalog.min(s.name), (SELECT "
    "f.kind FROM s f LIMIT 1) FROM s",
    {TIMESTAMPTZOID}};

std::optional<int16> small(const pg::Row& row, int column) {
    if (row.is_null(column)) return std::nullopt;
    return row.i16(column);
}

void read_all(SubscriptionSet* set, MemoryContext context) {
    const AsOwner scope;
    const pg::LatestSnapshot latest;
    const pg::Rows rows = g_read.execute(true);
    auto* all = static_cast<Subscription*>(pg::allocate(sizeof(Subscription) * (rows.size() + 1), context));
    auto* patterns = static_cast<core::TopicPattern*>(
        pg::allocate(sizeof(core::TopicPattern) * (rows.size() + 1), context));
    set->hears_workflows = false;
    std::size_t n = 0;
    for (const pg::Row r : rows) {
        auto* s = new (&all[n])
            Subscription{r.i64(1),           r.copy(2, context), r.copy(3, context), r.copy(4, context),
                         r.copy(5, context), small(r, 6),        small(r, 7),        {},
                         r.boolean(9)};
        if (!r.is_null(8)) s->timeout = core::Micros{interval_us(r.datum(8))};
        patterns[n] = {s->pattern, n};
        const std::string_view first = core::first_segment(s->pattern);
        set->hears_workflows |= first == "*" || first == "#" || first == core::kWorkflowTopics;
        n++;
    }
    core::sort_patterns({patterns, n});
    set->all = {all, n};
    set->patterns = {patterns, n};
}

}  // namespace

// Changes are announced first: the end of the command that makes them empties the cache, also for the rest of the
// statement that called it.
const SubscriptionSet& subscriptions() { return g_sets.find("all", read_all); }

int64 insert_subscription(const Subscription& s) {
    const AsOwner scope;
    pg::Args<9> a;
    a.text(1, s.name).text(2, s.pattern).text(3, s.kind).boolean(8, s.active).instant(9, now());
    if (!s.queue.empty()) a.text(4, s.queue);
    if (s.priority) a.i16(5, *s.priority);
    if (s.max_attempts) a.i16(6, *s.max_attempts);
    if (s.timeout) a.set(7, pg::interval_datum(*s.timeout));
    announce_change(schema().subscription);
    const pg::Rows rows = g_insert.execute(a);
    return rows.empty() ? 0 : rows[0].i64(1);
}

bool change_subscription(const SubscriptionChange& c) {
    const AsOwner scope;
    pg::Args<12> a;
    a.text(1, c.name).boolean(9, c.reset_queue).boolean(10, c.reset_priority);
    a.boolean(11, c.reset_max_attempts).boolean(12, c.reset_timeout);
    if (c.pattern) a.text(2, *c.pattern);
    if (c.kind) a.text(3, *c.kind);
    if (c.queue) a.text(4, *c.queue);
    if (c.priority) a.i16(5, *c.priority);
    if (c.max_attempts) a.i16(6, *c.max_attempts);
    if (c.timeout) a.set(7, pg::interval_datum(*c.timeout));
    if (c.active) a.boolean(8, *c.active);
    announce_change(schema().subscription);
    return g_change.execute(a).processed() > 0;
}

bool remove_subscription(std::string_view name) {
    const AsOwner scope;
    pg::Args<1> a;
    a.text(1, name);
    announce_change(schema().subscription);
    return g_remove.execute(a).processed() > 0;
}

Unheard unheard_subscriptions(core::Instant since) {
    const MemoryContext context = CurrentMemoryContext;
    const AsOwner scope;
    pg::Args<1> a;
    a.instant(1, since);
    const pg::Rows rows = g_unheard.execute(a, true);
    return {rows[0].i64(1), rows[0].copy(2, context), rows[0].copy(3, context)};
}

}  // namespace foreman::store
