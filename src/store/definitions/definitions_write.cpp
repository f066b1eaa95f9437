// Changes of definitions: rows of handler and queue. Every change is announced, so that all caches reread.
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "store/commit/remember.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/definitions.hpp"
#include "store/definitions/queue_settings.hpp"

namespace foreman::store {

namespace {

constinit pg::Statement g_put_handler{
    "put_handler",
    "INSERT INTO foreman.handler AS h (kind, handler, shape, command, lane, queue, max_attempts, timeout, "
    "backoff_base, backoff_max, max_group, "
    "run_as, registered_at, serves, session) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, "
    "$14, "
    "$15) ON "
    "CONFLICT "
    "(kind) DO UPDATE SET handler = "
    "excluded.handler, shape = excluded.shape, command = excluded.command, lane = excluded.lane, queue = "
    "excluded.queue, max_attempts = "
    "excluded.max_attempts, timeout = excluded.timeout, backoff_base = excluded.backoff_base, backoff_max = "
    "excluded.backoff_max, max_group = "
    "excluded.max_group, run_as = excluded.run_as, registered_at = excluded.registered_at, serves = "
    "excluded.serves, session = excluded.session "
    "RETURNING "
    "(h.xmax " EQ " '0'::pg_catalog.xid)",
    {TEXTOID, TEXTOID, CHAROID, TEXTOID, TEXTOID, TEXTOID, INT2OID, INTERVALOID, INTERVALOID, INTERVALOID,
     INT2OID, OIDOID, TIMESTAMPTZOID, TEXTARRAYOID, TEXTOID}};

constinit pg::Statement g_remove_handler{
    "remove_handler", "DELETE FROM foreman.handler WHERE kind " EQ " $1", {TEXTOID}};

constinit pg::Statement g_insert_queue{
    "insert_queue",
    "INSERT INTO foreman.queue (queue, priority, backoff_base, backoff_max, retain_completed, "
    "retain_cancelled, retain_discarded, keep_args, max_running, throttle_base, throttle_max, ageing, "
    "max_running_per_key, sequence_policy, rate_limit, rate_period, created_at) VALUES ($1, $2, $3, $4, $5, "
    "$6, "
    "$7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) ON CONFLICT (queue) DO NOTHING",
    {TEXTOID, INT2OID, INTERVALOID, INTERVALOID, INTERVALOID, INTERVALOID, INTERVALOID, INT4OID, INT4OID,
     INTERVALOID, INTERVALOID, INT4OID, INT4OID, TEXTOID, INT4OID, INTERVALOID, TIMESTAMPTZOID}};

constinit pg::Statement g_update_queue{
    "update_queue",
    "UPDATE foreman.queue SET priority = COALESCE($2, priority), backoff_base = COALESCE($3, backoff_base), "
    "backoff_max = COALESCE($4, "
    "backoff_max), retain_completed = COALESCE($5, retain_completed), retain_cancelled = COALESCE($6, "
    "retain_cancelled), retain_discarded = "
    "COALESCE($7, retain_discarded), keep_args = COALESCE($8, keep_args), "
    "max_running = COALESCE($9, max_running), throttle_base = COALESCE($10, throttle_base), throttle_max = "
    "COALESCE($11, throttle_max), ageing = COALESCE($12, ageing), max_running_per_key = COALESCE($13, "
    "max_running_per_key), sequence_policy = COALESCE($14, sequence_policy), rate_limit = COALESCE($15, "
    "rate_limit), "
    "rate_period = COALESCE($16, rate_period) WHERE queue " EQ " $1 RETURNING backoff_max " LT
    " backoff_base, throttle_max " LT " COALESCE(throttle_base, '60 s'::pg_catalog.interval)",
    {TEXTOID, INT2OID, INTERVALOID, INTERVALOID, INTERVALOID, INTERVALOID, INTERVALOID, INT4OID, INT4OID,
     INTERVALOID, INTERVALOID, INT4OID, INT4OID, TEXTOID, INT4OID, INTERVALOID}};

constinit pg::Statement g_queue_in_use{
    "queue_in_use", "SELECT 1 FROM foreman.live_job WHERE queue " EQ " $1 LIMIT 1", {TEXTOID}};
constinit pg::Statement g_delete_queue{
    "delete_queue", "DELETE FROM foreman.queue WHERE queue " EQ " $1", {TEXTOID}};

void set_interval(auto* a, int number, std::optional<Datum> value) {
    if (value) a->set(number, *value);
}

template <int N>
void set_queue_columns(pg::Args<N>* a, const NewQueue& q) {
    a->text(1, q.name);
    if (q.priority) a->i16(2, *q.priority);
    set_interval(a, 3, q.backoff_base);
    set_interval(a, 4, q.backoff_max);
    set_interval(a, 5, q.retain_completed);
    set_interval(a, 6, q.retain_cancelled);
    set_interval(a, 7, q.retain_discarded);
    if (q.keep_args) a->i32(8, *q.keep_args);
    if (q.max_running) a->i32(9, *q.max_running);
    set_interval(a, 10, q.throttle_base);
    set_interval(a, 11, q.throttle_max);
    if (q.ageing) a->i32(12, *q.ageing);
    if (q.max_running_per_key) a->i32(13, *q.max_running_per_key);
    if (q.sequence_policy) a->text(14, *q.sequence_policy);
    if (q.rate_limit) a->i32(15, *q.rate_limit);
    set_interval(a, 16, q.rate_period);
}

[[noreturn]] void refuse_less(const char* max, const char* base) {
    throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "%s must not be less than %s", max, base)
        .hint("Give both, or a %s that is not less than what the queue has.", max);
}

}  // namespace

bool put_handler(const NewHandler& h) {
    const AsOwner scope;
    pg::Args<15> a;
    a.text(1, h.kind)
        .letter(3, h.shape)
        .text(5, h.lane)
        .text(6, h.queue)
        .oid(12, h.run_as)
        .instant(13, now())
        .text(15, h.session);
    if (!h.function.empty()) a.text(2, h.function);
    if (!h.command.empty()) a.text(4, h.command);
    if (h.max_attempts) a.i16(7, *h.max_attempts);
    set_interval(&a, 8, h.timeout);
    set_interval(&a, 9, h.backoff_base);
    set_interval(&a, 10, h.backoff_max);
    if (h.max_group) a.i16(11, *h.max_group);
    if (h.serves) a.set(14, *h.serves);
    const pg::Rows rows = g_put_handler.execute(a);
    announce_change(schema().handler);
    // The dispatcher gives the role to the queues that a confined one serves.
    remember_kind(h.kind, h.serves ? InvalidOid : h.run_as);
    return rows[0].boolean(1);
}

bool remove_handler(std::string_view kind) {
    const AsOwner scope;
    pg::Args<1> a;
    a.text(1, kind);
    if (g_remove_handler.execute(a).processed() == 0) return false;
    announce_change(schema().handler);
    remember_kind(kind, InvalidOid);
    return true;
}

bool insert_queue(const NewQueue& q) {
    const AsOwner scope;
    pg::Args<17> a;
    set_queue_columns(&a, q);
    a.instant(17, now());
    if (g_insert_queue.execute(a).processed() == 0) return false;
    queue_changed(q.name);
    return true;
}

bool update_queue(const NewQueue& q) {
    const AsOwner scope;
    pg::Args<16> a;
    set_queue_columns(&a, q);
    {
        const pg::Rows rows = g_update_queue.execute(a);
        if (rows.empty()) return false;
        // Each may be fine by itself, and not with the other that the queue has already.
        if (!rows[0].is_null(1) && rows[0].boolean(1)) refuse_less("backoff_max", "backoff_base");
        if (!rows[0].is_null(2) && rows[0].boolean(2)) refuse_less("throttle_max", "throttle_base");
    }
    queue_changed(q.name);
    return true;
}

bool delete_queue(std::string_view name) {
    const AsOwner scope;
    pg::Args<1> a;
    a.text(1, name);
    if (!g_queue_in_use.execute(a).empty()) {
        throw pg::Failure(ERRCODE_OBJECT_IN_USE, "queue \"%.*s\" has unfinished jobs",
                          static_cast<int>(name.size()), name.data())
            .hint("Wait until they are done, or cancel them.");
    }
    if (g_delete_queue.execute(a).processed() == 0) return false;
    remove_grants_of_queue(name);
    queue_changed(name);
    return true;
}

}  // namespace foreman::store
