// Changes of the definitions of handlers. Every change is announced, so that all caches reread.
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "store/commit/remember.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/definitions.hpp"

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

void set_interval(auto* a, int number, std::optional<Datum> value) {
    if (value) a->set(number, *value);
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

}  // namespace foreman::store
