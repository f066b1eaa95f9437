// Jobs that are parked behind a concurrency key or a sequence, see blocked.hpp.
#include <algorithm>

#include "board/parts.hpp"
#include "board/waits.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"
#include "store/commit/remember.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/definitions.hpp"
#include "store/jobs/blocked_parts.hpp"

namespace foreman::store {

namespace {

// So many jobs of a key at a time: enough for one group, few enough that other keys get their turn.
constexpr int kReleaseAtOnce = 32;
// However many of a key may run at once: what these leave makes the key a hint again.
constexpr int64 kMostAtOnce = 512;

#define LET_GO                                                                  \
    "UPDATE foreman.live_job SET state = 'w', blocked_on = NULL WHERE ctid " EQ \
    " ANY (ARRAY (SELECT b.ctid FROM foreman.live_job b WHERE "
#define LET_GO_END " FOR NO KEY UPDATE SKIP LOCKED)) RETURNING queue, kind, priority, alone, run_at, job_id"

// Of a concurrency key, from a place on: what was let go before it is not walked again, dead as it may be.
// blocked_on says that the state is b. Where `state` is not named, the index of all blocked jobs cannot be
// chosen, which would read and sort every one of them for a few of a key.
#define PARKED                                                               \
    "b.queue " EQ " $1 AND b.concurrency_key " EQ " $2 AND b.blocked_on " EQ \
    " 'k'::pg_catalog.\"char\" AND (b.priority, b.run_at, b.job_id) " GE     \
    " ($3, $4, $5) "                                                         \
    "ORDER BY b.priority, b.run_at, b.job_id LIMIT "

constinit pg::Statement g_first_parked{
    "first_parked",
    "SELECT b.priority, b.run_at, b.job_id FROM foreman.live_job b WHERE " PARKED "1",
    {TEXTOID, TEXTOID, INT2OID, TIMESTAMPTZOID, INT8OID}};

constinit pg::Statement g_release_key{"release_key",
                                      LET_GO PARKED "$6" LET_GO_END,
                                      {TEXTOID, TEXTOID, INT2OID, TIMESTAMPTZOID, INT8OID, INT8OID}};

constinit pg::Statement g_release_ids{"release_ids",
                                      LET_GO "b.job_id " EQ " ANY ($1) AND b.blocked_on " EQ
                                             " 'q'::pg_catalog.\"char\"" LET_GO_END,
                                      {INT8ARRAYOID}};

constinit pg::Statement g_sequence_is_parked{"sequence_is_parked",
                                             "SELECT 1 FROM foreman.live_job WHERE queue " EQ
                                             " $1 AND sequence_key " EQ " $2 AND blocked_on " EQ
                                             " 'q'::pg_catalog.\"char\" LIMIT 1",
                                             {TEXTOID, TEXTOID}};

// The next (queue, key) with parked jobs, in their order: a pass over distinct keys, not over rows.
constinit pg::Statement g_next_key{
    "next_parked_key",
    "SELECT queue, concurrency_key FROM foreman.live_job WHERE concurrency_key IS NOT NULL AND blocked_on " EQ
    " 'k'::pg_catalog.\"char\" AND (queue, concurrency_key) " GT
    " ($1, $2) ORDER BY queue, concurrency_key LIMIT 1",
    {TEXTOID, TEXTOID}};
constinit pg::Statement g_next_sequence{
    "next_parked_sequence",
    "SELECT queue, sequence_key FROM foreman.live_job WHERE sequence_key IS NOT NULL AND blocked_on " EQ
    " 'q'::pg_catalog.\"char\" AND (queue, sequence_key) " GT
    " ($1, $2) ORDER BY queue, sequence_key LIMIT 1",
    {TEXTOID, TEXTOID}};

constinit pg::Statement g_is_parked{"is_parked",
                                    "SELECT 1 FROM foreman.live_job WHERE job_id " EQ " $1 AND blocked_on " EQ
                                    " 'q'::pg_catalog.\"char\"",
                                    {INT8OID}};

bool is_parked(int64 job_id) {
    pg::Args<1> a;
    a.i64(1, job_id);
    return !g_is_parked.execute(a).empty();
}

bool next_key(pg::Statement& statement, board::BoardName* queue, board::BoardName* key) {
    pg::Args<2> a;
    a.text(1, board::name_view(*queue)).text(2, board::name_view(*key));
    const pg::Rows rows = statement.execute(a);
    if (rows.empty()) return false;
    board::set_name(queue, rows[0].view(1));
    board::set_name(key, rows[0].view(2));
    return true;
}

template <int N>
void set_place(pg::Args<N>* a, const board::KeyName& n, const core::ParkedPlace& from) {
    a->text(1, n.queue).text(2, n.key).i16(3, from.priority);
    a->instant(4, core::Instant{from.key.run_at}).i64(5, from.key.job_id);
}

core::ParkedPlace first_parked(const board::KeyName& n, const core::ParkedPlace& from) {
    pg::Args<5> a;
    set_place(&a, n, from);
    const pg::Rows rows = g_first_parked.execute(a);
    if (rows.empty()) return core::kNoPlace;
    return {rows[0].i16(1), {rows[0].instant(2).us, rows[0].i64(3)}};
}

int64 release_parked(const board::KeyName& n, const core::ParkedPlace& from, int64 most) {
    pg::Args<6> a;
    set_place(&a, n, from);
    a.i64(6, most);
    return remember_released(g_release_key.execute(a));
}

bool is_parked(const board::KeyName& n) {
    pg::Args<2> a;
    a.text(1, n.queue).text(2, n.key);
    return !g_sequence_is_parked.execute(a).empty();
}

// Only parked ones that nothing else stands before: behind a head that is not due, or that nobody claims, a
// released one would be parked again at once, and so on without end.
// As of now, and not of when the dispatcher's turn began: a job that came since, and whose hint was taken in this
// turn, would be taken for one that is due later, and nothing would tell of it again.
int64 release_sequence(const board::KeyName& n, bool* locked) {
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<int64> ids(&memory);
    sequence_order(n.queue, n.key, find_queue(n.queue).skip_later, SequencePart::may_start, now(),
                   kReleaseAtOnce, &ids);
    if (ids.empty()) return 0;
    pg::Args<1> a;
    a.set(1, pg::int8_array({ids.data(), ids.size()}));
    const int64 released = remember_released(g_release_ids.execute(a));
    // The first of them is parked, unless it is claimable and takes its key itself.
    *locked = released == 0 && is_parked(ids.front());
    return released;
}

// The jobs let go just now are seen as such by the same transaction.
void look_at_concurrency_key(const board::KeyName& n, BlockedPass* pass) {
    const core::ParkedPlace from = first_parked(n, board::begin_key_raise(MyDatabaseId, n));
    if (from == core::kNoPlace) return board::key_is_clear(MyDatabaseId, n);
    board::finish_key_raise(MyDatabaseId, n, from);
    const int free = find_queue(n.queue).max_running_per_key - board::key_running(MyDatabaseId, n);
    if (free <= 0) return;
    const int64 most = std::min<int64>(int64{kReleaseAtOnce} * free, kMostAtOnce);
    const int64 released = release_parked(n, from, most);
    pass->released += released;
    if (first_parked(n, from) == core::kNoPlace) return board::key_is_clear(MyDatabaseId, n);
    // Jobs are parked, and none of them could be let go: another transaction has locked them. Nothing tells
    // when it ends, so the dispatcher looks again after a while.
    if (released == 0) pass->locked = true;
}

void look_at_sequence(const board::KeyName& n, BlockedPass* pass) {
    bool locked = false;
    if (board::key_running(MyDatabaseId, n) == 0) pass->released += release_sequence(n, &locked);
    if (!is_parked(n)) return board::key_is_clear(MyDatabaseId, n);
    if (locked) pass->locked = true;
}

}  // namespace

void look_at_key(const board::KeyName& n, BlockedPass* pass) {
    if (!board::board_present()) {  // nothing runs under a key then
        pass->released += n.type == core::BlockedOn::key
                              ? release_parked(n, core::kFirstPlace, kReleaseAtOnce)
                              : release_sequence(n, &pass->locked);
        return;
    }
    if (n.type == core::BlockedOn::key) return look_at_concurrency_key(n, pass);
    look_at_sequence(n, pass);
}

bool next_parked(core::BlockedOn type, board::BoardName* queue, board::BoardName* key) {
    return next_key(type == core::BlockedOn::key ? g_next_key : g_next_sequence, queue, key);
}

}  // namespace foreman::store
