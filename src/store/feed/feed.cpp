// See feed.hpp.
#include "store/feed/feed.hpp"

#include <algorithm>

#include "board/feed.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/spi.hpp"
#include "store/commit/remember.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"

namespace foreman::store {

namespace {

// Events of types, and of those workflows whose hash is the member's. The workflow is looked up for each event, never
// the other way round: the order of positions is that of one index scan.
#define FEED_FROM                                                                                     \
    " FROM foreman.workflow_event e CROSS JOIN LATERAL (SELECT i.workflow_type, i.workflow_id FROM "  \
    "foreman.workflow_instance i WHERE i.instance " EQ " e.instance OFFSET 0) w WHERE e.position " GT \
    " $1 AND e.position " LE " $2 AND ($3 IS NULL OR w.workflow_type " EQ                             \
    " ANY ($3)) AND ($4 IS NULL OR e.event_type " EQ " ANY ($4)) AND ($6 " EQ                         \
    " 1 OR pg_catalog.mod(pg_catalog.hashtextextended(w.workflow_id, 0) "                             \
    "OPERATOR(pg_catalog.&) 9223372036854775807, $6::pg_catalog.int8) " EQ " $5)"
#define FEED_TYPES INT8OID, INT8OID, TEXTARRAYOID, TEXTARRAYOID, INT4OID, INT4OID

constinit pg::Statement g_read{"read_feed",
                               "SELECT e.position, ROW (e.position, w.workflow_type, w.workflow_id, "
                               "e.sequence, e.event_type, e.version, "
                               "e.data, e.recorded_at)::foreman.event" FEED_FROM
                               " ORDER BY e.position LIMIT $7",
                               {FEED_TYPES, INT8OID}};
constinit pg::Statement g_any{
    "feed_has", "SELECT 1 FROM (SELECT 1" FEED_FROM " ORDER BY e.position LIMIT 1) x", {FEED_TYPES}};
constinit pg::Statement g_last{"last_feed_event",
                               "SELECT position FROM foreman.workflow_event WHERE position " LE
                               " $1 ORDER BY position DESC LIMIT 1",
                               {INT8OID}};
constinit pg::Statement g_standby{"standby_feed_position",
                                  "SELECT pg_catalog.max(c.position) FROM foreman.projection_place c JOIN "
                                  "foreman.projection p ON p.projection_id " EQ
                                  " c.projection_id WHERE p.replaces IS NULL"};

// Events may be of any size: a few are read first, and no more than are likely to fit.
constexpr int64 kBytes = 16 * 1024 * 1024;
constexpr int64 kFirstRows = 4;
constexpr int64 kMostAtOnce = 64;

void set_filter(auto* a, const FeedFilter& f, int64 after, int64 until) {
    a->i64(1, after).i64(2, until).i32(5, f.member).i32(6, f.members);
    if (f.types) a->set(3, *f.types);
    if (f.event_types) a->set(4, *f.event_types);
}

// What a projection has handled was settled on the primary, and the log brings it after all that it saw.
int64 position_on_standby() {
    const AsOwner scope;
    const pg::Rows rows = g_standby.execute(true);
    if (rows.empty() || rows[0].is_null(1))
        throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                          "a standby does not know up to where the feed is settled")
            .hint(
                "It goes as far as the first of the projections on the primary: create one there, or read "
                "there.");
    return rows[0].i64(1);
}

}  // namespace

int64 next_position() {
    const Oid sequence = schema().position_sequence;
    if (!board::is_appending()) {
        watch_transaction();
        board::begin_append(last_position());
    }
    return pg::call<&nextval_internal>(sequence, false);
}

int64 last_position() {
    const Oid sequence = schema().position_sequence;
    return pg::guarded([sequence]() -> int64 {
        LOCAL_FCINFO(fcinfo, 1);
        InitFunctionCallInfoData(*fcinfo, nullptr, 1, InvalidOid, nullptr, nullptr);
        fcinfo->args[0].value = ObjectIdGetDatum(sequence);
        fcinfo->args[0].isnull = false;
        const Datum last = pg_sequence_last_value(fcinfo);
        return fcinfo->isnull ? 0 : DatumGetInt64(last);
    });
}

int64 settled_position() {
    if (RecoveryInProgress()) return position_on_standby();
    if (!board::board_present()) board::refuse_without_board("the feed of events");
    int64 last = 0;
    {
        const AsOwner scope;
        last = last_position();
    }
    return board::settled_position(MyDatabaseId, last);
}

bool read_feed(const FeedFilter& f, int64 after, int64 until, int64 max, MemoryContext context,
               pg::vector<FeedEvent>* out) {
    const AsOwner scope;
    int64 rows = 0;
    int64 bytes = 0;
    int64 wanted = std::min(max, kFirstRows);
    for (;;) {
        pg::Args<7> a;
        set_filter(&a, f, after, until);
        a.i64(7, wanted);
        int64 got = 0;
        for (const pg::Row r : g_read.execute_latest(a)) {
            out->push_back({r.i64(1), pg::copy_varlena(r.datum(2), context)});
            bytes += static_cast<int64>(VARSIZE_ANY(DatumGetPointer(out->back().event)));
            got++;
        }
        rows += got;
        if (got < wanted) return false;
        if (rows >= max || bytes >= kBytes) return true;
        after = out->back().position;
        const int64 likely = (kBytes - bytes) / (bytes / rows + 1);
        wanted = std::min({max - rows, kMostAtOnce, std::max<int64>(likely, 1)});
    }
}

bool feed_has(const FeedFilter& f, int64 after, int64 until) {
    const AsOwner scope;
    pg::Args<6> a;
    set_filter(&a, f, after, until);
    return !g_any.execute_latest(a).empty();
}

int64 last_event_before(int64 until) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, until);
    const pg::Rows rows = g_last.execute_latest(a);
    return rows.empty() ? 0 : rows[0].i64(1);
}

}  // namespace foreman::store
