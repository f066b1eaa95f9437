// How handlers are read. See definitions.hpp.
#include "store/definitions/definitions.hpp"

#include "board/board.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"
#include "pg/xact.hpp"
#include "store/db/relation_cache.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"

namespace foreman::store {

namespace {

constinit uint64 g_loads = 0;

// Stands for the handler of a kind in queues that it does not serve.
constinit const Handler kNoHandler{.name = {},
                                   .kind_len = 0,
                                   .exists = false,
                                   .lane = Lane::transaction,
                                   .shape = Shape::jsonb,
                                   .run_as = InvalidOid,
                                   .max_attempts = 0,
                                   .max_group = 0,
                                   .timeout_us = -1,
                                   .backoff_base_us = -1,
                                   .backoff_max_us = -1,
                                   .queue_len = kDefaultQueue.size(),
                                   .queue = "default",
                                   .function = "",
                                   .command = "",
                                   .loaded = 0,
                                   .new_session = false,
                                   .confined = false,
                                   .queues = {}};

constinit RelationCache<Handler> g_handlers{"foreman handlers", handler_generation};

constinit pg::Statement g_read_handler{
    "handler",
    "SELECT lane, shape, run_as::pg_catalog.oid, max_attempts, max_group, timeout, backoff_base, "
    "backoff_max, queue, handler, command, serves, session FROM foreman.handler WHERE kind " EQ " $1",
    {TEXTOID}};
Lane parse_lane(std::string_view lane) noexcept {
    return lane == "batch" ? Lane::batch : lane == "procedure" ? Lane::procedure : Lane::transaction;
}

void keep_queues(Datum serves, Handler* h, MemoryContext context) {
    const pg::Elements e = pg::array_elements(serves, pg::kText);
    auto* queues = static_cast<std::string_view*>(
        pg::allocate(sizeof(std::string_view) * static_cast<std::size_t>(e.count + 1), context));
    for (int i = 0; i < e.count; i++) {
        const std::string_view name = pg::text_view(e.values[i]);
        queues[i] = {pg::copy_text(name, context), name.size()};
    }
    h->confined = true;
    h->queues = {queues, static_cast<std::size_t>(e.count)};
}

void read_handler(Handler* h, MemoryContext context) {
    h->kind_len = static_cast<uint16>(std::strlen(h->name));
    h->exists = false;
    h->run_as = InvalidOid;
    h->loaded = ++g_loads;
    h->lane = Lane::transaction;
    h->shape = Shape::jsonb;
    h->max_attempts = h->max_group = 0;
    h->timeout_us = h->backoff_base_us = h->backoff_max_us = -1;
    h->queue_len = static_cast<uint16>(kDefaultQueue.size());
    kDefaultQueue.copy(h->queue, kDefaultQueue.size());
    h->function = h->command = "";
    h->new_session = false;
    h->confined = false;
    h->queues = {};
    const AsOwner scope;
    const pg::LatestSnapshot latest;
    pg::Args<1> args;
    args.text(1, h->kind());
    const pg::Rows rows = g_read_handler.execute(args, true);
    if (rows.empty()) return;
    const pg::Row r = rows[0];
    h->lane = parse_lane(r.view(1));
    h->shape = r.letter_of<Shape>(2);
    h->run_as = r.oid(3);
    if (!r.is_null(4)) h->max_attempts = r.i16(4);
    if (!r.is_null(5)) h->max_group = r.i16(5);
    h->timeout_us = interval_us(r.optional_datum(6));
    h->backoff_base_us = interval_us(r.optional_datum(7));
    h->backoff_max_us = interval_us(r.optional_datum(8));
    const std::string_view queue = r.view(9);
    h->queue_len = static_cast<uint16>(std::min<std::size_t>(queue.size(), 255));
    queue.copy(h->queue, h->queue_len);
    if (!r.is_null(10)) h->function = pg::copy_text(r.view(10), context);
    if (!r.is_null(11)) h->command = pg::copy_text(r.view(11), context);
    if (!r.is_null(12)) keep_queues(r.datum(12), h, context);
    // Commands of schedules are written for a session that begins with them, as they have in pg_cron.
    h->new_session = h->shape == Shape::scheduled || r.view(13) == "new";
    h->exists = true;
}

}  // namespace

const Handler& find_handler(std::string_view kind) { return g_handlers.find(kind, read_handler); }

const Handler& find_handler(std::string_view kind, std::string_view queue, int16 alone) {
    const Handler& h = find_handler(kind);
    if (!h.exists || (h.serves(queue) && (!board::is_unvouched(alone) || h.queue_name() == queue))) return h;
    return kNoHandler;
}

core::BackoffPolicy backoff_for(const Handler& handler, const Queue& queue) {
    core::BackoffPolicy policy;
    const int64 base = handler.backoff_base_us >= 0 ? handler.backoff_base_us : queue.backoff_base_us;
    const int64 max = handler.backoff_max_us >= 0 ? handler.backoff_max_us : queue.backoff_max_us;
    if (base >= 0) policy.base = core::Micros{base};
    if (max >= 0) policy.max = core::Micros{max};
    return policy;
}

Oid role_of(std::string_view kind, std::string_view queue, int16 alone) {
    return find_handler(kind, queue, alone).run_as;
}

}  // namespace foreman::store
