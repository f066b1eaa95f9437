// See blocked.hpp.
#include "store/blocked.hpp"

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"
#include "pg/xact.hpp"
#include "store/batches.hpp"
#include "store/board_parts.hpp"
#include "store/control.hpp"
#include "store/definitions.hpp"
#include "store/remember.hpp"
#include "store/schema.hpp"
#include "store/sql_names.hpp"
#include "store/waits_board.hpp"

namespace foreman::store {

namespace {

// So many jobs of a key at a time: enough for one group, few enough that other keys get their turn.
constexpr int kReleaseAtOnce = 32;
constexpr int kHintsAtOnce = 64;

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
                                      LET_GO "b.job_id " EQ " ANY ($1) AND b.state " EQ
                                             " 'b'::pg_catalog.\"char\" AND b.blocked_on " EQ
                                             " $2" LET_GO_END,
                                      {INT8ARRAYOID, CHAROID}};

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

constinit pg::Statement g_dependants{
    "dependants",
    "SELECT d.job_id, d.policy FROM foreman.job_dependency d WHERE d.depends_on " EQ " $1 ORDER BY d.job_id",
    {INT8OID}};
constinit pg::Statement g_waits{"dependant_waits",
                                "SELECT l.blocked_on FROM foreman.live_job l WHERE l.job_id " EQ
                                " $1 AND l.state " EQ " 'b'::pg_catalog.\"char\" AND l.blocked_on " EQ
                                " ANY ('{d,s}'::pg_catalog.\"char\"[]) FOR NO KEY UPDATE SKIP LOCKED",
                                {INT8OID}};
constinit pg::Statement g_is_blocked{"is_blocked",
                                     "SELECT 1 FROM foreman.live_job WHERE job_id " EQ " $1 AND state " EQ
                                     " 'b'::pg_catalog.\"char\" AND blocked_on " EQ " ANY ($2)",
                                     {INT8OID, CHARARRAYOID}};
constinit pg::Statement g_remove_dependency{"remove_dependency",
                                            "DELETE FROM foreman.job_dependency WHERE depends_on " EQ
                                            " $1 AND job_id " EQ " $2",
                                            {INT8OID, INT8OID}};
constinit pg::Statement g_remove_dependencies{
    "remove_dependencies", "DELETE FROM foreman.job_dependency WHERE job_id " EQ " $1", {INT8OID}};
constinit pg::Statement g_has_dependency{
    "has_dependency", "SELECT 1 FROM foreman.job_dependency WHERE job_id " EQ " $1 LIMIT 1", {INT8OID}};
constinit pg::Statement g_next_dependency{"next_dependency",
                                          "SELECT depends_on FROM foreman.job_dependency WHERE depends_on " GT
                                          " $1 ORDER BY depends_on LIMIT 1",
                                          {INT8OID}};

// A successor takes the key over once nobody holds it.
constinit pg::Statement g_succeed{
    "succeed",
    "UPDATE foreman.live_job n SET unique_as = CASE WHEN n.unique_as " EQ
    " 'n'::pg_catalog.\"char\" THEN 'u'::pg_catalog.\"char\" ELSE 't'::pg_catalog.\"char\" END, "
    "state = 'w', blocked_on = NULL WHERE n.job_id " EQ
    " $1 AND NOT EXISTS (SELECT 1 FROM foreman.live_job h WHERE h.kind " EQ " n.kind AND h.unique_key " EQ
    " n.unique_key AND h.unique_as " EQ " CASE WHEN n.unique_as " EQ
    " 'n'::pg_catalog.\"char\" THEN 'u'::pg_catalog.\"char\" ELSE 't'::pg_catalog.\"char\" END) "
    "RETURNING queue, kind, priority, alone, run_at, job_id",
    {INT8OID}};
constinit pg::Statement g_holder_of{
    "holder_of",
    "SELECT h.job_id FROM foreman.live_job n JOIN foreman.live_job h ON h.kind " EQ
    " n.kind AND h.unique_key " EQ " n.unique_key AND h.unique_as " EQ " CASE WHEN n.unique_as " EQ
    " 'n'::pg_catalog.\"char\" THEN 'u'::pg_catalog.\"char\" ELSE 't'::pg_catalog.\"char\" END "
    "WHERE n.job_id " EQ " $1",
    {INT8OID}};
constinit pg::Statement g_wait_for{
    "wait_for_holder",
    "INSERT INTO foreman.job_dependency (depends_on, job_id, policy) VALUES ($1, $2, 'r') ON CONFLICT DO "
    "NOTHING",
    {INT8OID, INT8OID}};

bool is_blocked(int64 job_id, std::initializer_list<BlockedOn> on) {
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<Datum> letters(&memory);
    for (const BlockedOn b : on) letters.push_back(CharGetDatum(static_cast<char>(b)));
    pg::Args<2> a;
    a.i64(1, job_id).set(2, pg::array_datum(pg::kChar, {letters.data(), letters.size()}));
    return !g_is_blocked.execute(a).empty();
}

int64 remember_released(const pg::Rows& rows) {
    for (const pg::Row r : rows)
        remember_work(r.view(1), r.view(2), r.i16(3), r.i16(4), role_of(r.view(2), r.view(1)),
                      {r.instant(5).us, r.i64(6)});
    return static_cast<int64>(rows.size());
}

template <int N>
void set_place(pg::Args<N>* a, const KeyName& n, const ParkedPlace& from) {
    a->text(1, n.queue).text(2, n.key).i16(3, from.priority);
    a->instant(4, Instant{from.key.run_at}).i64(5, from.key.job_id);
}

ParkedPlace first_parked(const KeyName& n, const ParkedPlace& from) {
    pg::Args<5> a;
    set_place(&a, n, from);
    const pg::Rows rows = g_first_parked.execute(a);
    if (rows.empty()) return core::kNoPlace;
    return {rows[0].i16(1), {rows[0].instant(2).us, rows[0].i64(3)}};
}

int64 release_parked(const KeyName& n, const ParkedPlace& from, int64 most) {
    pg::Args<6> a;
    set_place(&a, n, from);
    a.i64(6, most);
    return remember_released(g_release_key.execute(a));
}

bool is_parked(const KeyName& n) {
    pg::Args<2> a;
    a.text(1, n.queue).text(2, n.key);
    return !g_sequence_is_parked.execute(a).empty();
}

// Only parked ones that nothing else stands before: behind a head that is not due, or that nobody claims, a
// released one would be parked again at once, and so on without end.
int64 release_sequence(const KeyName& n, core::Instant now, bool* locked) {
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<int64> ids(&memory);
    sequence_order(n.queue, n.key, find_queue(n.queue).skip_later, SequencePart::may_start, now,
                   kReleaseAtOnce, &ids);
    if (ids.empty()) return 0;
    pg::Args<2> a;
    a.set(1, pg::int8_array({ids.data(), ids.size()})).letter(2, static_cast<char>(BlockedOn::sequence));
    const int64 released = remember_released(g_release_ids.execute(a));
    // The first of them is parked, unless it is claimable and takes its key itself.
    *locked = released == 0 && is_blocked(ids.front(), {BlockedOn::sequence});
    return released;
}

// What is left although nothing was let go, somebody has locked; nobody tells the end of that.
void look_again(const KeyName& n, BlockedPass* pass) {
    hint_key_again(MyDatabaseId, n);
    pass->again = true;
}

// The jobs let go just now are seen as such by the same transaction.
void look_at_concurrency_key(const KeyName& n, BlockedPass* pass) {
    const ParkedPlace from = first_parked(n, begin_key_raise(MyDatabaseId, n));
    if (from == core::kNoPlace) return key_is_clear(MyDatabaseId, n);
    finish_key_raise(MyDatabaseId, n, from);
    const int free = find_queue(n.queue).per_key() - key_running(MyDatabaseId, n);
    if (free <= 0) return;
    const int64 released = release_parked(n, from, int64{kReleaseAtOnce} * free);
    pass->released += released;
    if (first_parked(n, from) == core::kNoPlace) return key_is_clear(MyDatabaseId, n);
    if (released == 0) look_again(n, pass);
}

void look_at_sequence(const KeyName& n, core::Instant now, BlockedPass* pass) {
    bool locked = false;
    if (key_running(MyDatabaseId, n) == 0) pass->released += release_sequence(n, now, &locked);
    if (!is_parked(n)) return key_is_clear(MyDatabaseId, n);
    if (locked) look_again(n, pass);
}

void look_at_key(const KeyName& n, core::Instant now, BlockedPass* pass) {
    if (!board_present()) {  // nothing runs under a key then
        pass->released += n.type == BlockedOn::key ? release_parked(n, core::kFirstPlace, kReleaseAtOnce)
                                                   : release_sequence(n, now, &pass->again);
        return;
    }
    if (n.type == BlockedOn::key) return look_at_concurrency_key(n, pass);
    look_at_sequence(n, now, pass);
}

// The successor of a job that ended; somebody else may have taken the key first.
void let_succeed(int64 job_id, BlockedPass* pass) {
    pg::Args<1> a;
    a.i64(1, job_id);
    const pg::Rows rows = g_succeed.execute(a);
    if (!rows.empty()) {
        pass->released += remember_released(rows);
        return;
    }
    const pg::Rows holder = g_holder_of.execute(a);
    if (holder.empty()) return;
    const int64 holder_id = holder[0].i64(1);
    pg::Args<2> w;
    w.i64(1, holder_id).i64(2, job_id);
    g_wait_for.execute(w);
    remember_dependency(holder_id);
}

// One job that waited for `ended`; completed: how that ended.
void look_at_dependant(int64 ended, int64 job_id, bool completed, char policy, MemoryContext context,
                       core::Instant now, BlockedPass* pass) {
    pg::Args<1> one;
    one.i64(1, job_id);
    const pg::Rows rows = g_waits.execute(one);
    if (rows.empty()) {
        if (is_blocked(job_id, {BlockedOn::dependency, BlockedOn::successor})) {
            pass->again = true;  // somebody has it locked
            return;
        }
        // It is gone, or was cancelled and retried since, and waits for nobody.
        g_remove_dependencies.execute(one);
        return;
    }
    const char blocked_on = rows[0].letter(1);
    pg::Args<2> pair;
    pair.i64(1, ended).i64(2, job_id);
    g_remove_dependency.execute(pair);
    if (!completed && policy == 'c') {
        Job job{};
        if (!take_waiting(job_id, context, &job)) return;
        char reason[80];
        std::snprintf(reason, sizeof(reason), "job " INT64_FORMAT " did not complete", ended);
        cancel_taken(job, {pg::copy_text(reason, context), std::strlen(reason)}, now);
        g_remove_dependencies.execute(one);
        pass->released++;
        return;
    }
    if (!g_has_dependency.execute(one).empty()) return;
    if (blocked_on == static_cast<char>(BlockedOn::successor)) {
        let_succeed(job_id, pass);
        return;
    }
    pg::ContextResource memory(context);
    pg::Args<2> ids;
    const std::array<int64, 1> id{job_id};
    ids.set(1, pg::int8_array(id)).letter(2, static_cast<char>(BlockedOn::dependency));
    pass->released += remember_released(g_release_ids.execute(ids));
}

void look_at_end(int64 id, MemoryContext context, core::Instant now, BlockedPass* pass) {
    const Found found = find_job(id);
    if (found.place == Place::live) return;
    const bool completed = found.place == Place::history && found.state == 'c';
    pg::ContextResource memory(context);
    pg::vector<std::pair<int64, char>> dependants(&memory);
    {
        pg::Args<1> a;
        a.i64(1, id);
        for (const pg::Row r : g_dependants.execute(a)) dependants.push_back({r.i64(1), r.letter(2)});
    }
    const bool again = pass->again;
    pass->again = false;
    for (const auto& [job, policy] : dependants)
        look_at_dependant(id, job, completed, policy, context, now, pass);
    if (board_present()) {
        if (pass->again) {
            await_end_again(MyDatabaseId, id);
        } else {
            forget_end(MyDatabaseId, id);
        }
    }
    pass->again = pass->again || again;
}

void look_at_id(int64 id, MemoryContext context, core::Instant now, BlockedPass* pass) {
    if (id > 0) return look_at_end(id, context, now, pass);
    const BatchLook look = look_at_batch(-id, true, now);
    if (look == BatchLook::locked) pass->again = true;
    if (!board_present()) return;
    if (look == BatchLook::locked) await_end_again(MyDatabaseId, id);
    if (look == BatchLook::done) forget_end(MyDatabaseId, id);
}

void visit_keys(pg::Statement& next, BlockedOn type, core::Instant now, BlockedPass* pass) {
    BoardName queue{};
    BoardName key{};
    for (;;) {
        pg::Args<2> a;
        a.text(1, name_view(queue)).text(2, name_view(key));
        const pg::Rows rows = next.execute(a);
        if (rows.empty()) return;
        set_name(&queue, rows[0].view(1));
        set_name(&key, rows[0].view(2));
        const KeyName name{type, name_view(queue), name_view(key)};
        if (board_present()) hint_key(MyDatabaseId, name, true, core::kFirstPlace);
        look_at_key(name, now, pass);
        pg::call<&ProcessInterrupts>();
    }
}

}  // namespace

BlockedPass release_hinted(core::Instant now) {
    const AsOwner scope;
    BlockedPass pass;
    pg::Context context("foreman blocked", CurrentMemoryContext);
    KeyHint hints[kHintsAtOnce];
    const int keys = take_key_hints(MyDatabaseId, hints, kHintsAtOnce);
    for (int i = 0; i < keys; i++)
        look_at_key({hints[i].type, name_view(hints[i].queue), name_view(hints[i].key)}, now, &pass);
    int64 ids[kHintsAtOnce];
    const int ends = take_end_hints(MyDatabaseId, ids, kHintsAtOnce);
    for (int i = 0; i < ends; i++) look_at_id(ids[i], context.get(), now, &pass);
    if (keys == kHintsAtOnce || ends == kHintsAtOnce) pass.again = true;
    return pass;
}

BlockedPass release_all(core::Instant now) {
    const AsOwner scope;
    BlockedPass pass;
    pg::Context context("foreman blocked", CurrentMemoryContext);
    visit_keys(g_next_key, BlockedOn::key, now, &pass);
    visit_keys(g_next_sequence, BlockedOn::sequence, now, &pass);
    for (int64 id = PG_INT64_MIN;;) {
        pg::Args<1> a;
        a.i64(1, id);
        const pg::Rows rows = g_next_dependency.execute(a);
        if (rows.empty()) break;
        id = rows[0].i64(1);
        if (board_present()) remember_dependency(id);
        look_at_end(id, context.get(), now, &pass);
    }
    pg::ContextResource memory(context);
    pg::vector<int64> batches(&memory);
    open_batches(&batches);
    for (const int64 id : batches) {
        if (look_at_batch(id, false, now) == BatchLook::locked) pass.again = true;
    }
    return pass;
}

}  // namespace foreman::store
