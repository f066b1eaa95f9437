// Jobs with keys, dependencies or a batch: the long way of insert_job(). What holds a unique key is a row of
// live_job under a unique index, or a row of unique_window; both make a second caller wait for an open
// transaction's end and no longer, so nobody is told of a job that may still be rolled back.
// Invariant: a job that is held by an executor is never waited for: its key's next holder is a row of its
// own.
#include "store/jobs/enqueue_keyed.hpp"

#include <algorithm>

#include "board/my_slot.hpp"
#include "board/parts.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/identity.hpp"
#include "pg/memory.hpp"
#include "pg/xact.hpp"
#include "store/commit/remember.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/access.hpp"
#include "store/jobs/batches.hpp"
#include "store/jobs/job_values.hpp"
#include "store/jobs/timers.hpp"

namespace foreman::store {

using core::StoredState;
using core::UniqueAs;

namespace {

constexpr int kMaxTries = 100;

// Behind the columns of a job.
constexpr int kState = LiveColumn::next;
constexpr int kBlockedOn = kState + 1;
constexpr int kKeyedColumns = kBlockedOn;
constexpr int kKeepRunAt = kBlockedOn + 1;

constexpr SqlText kKeyedText =
    insert_text("live_job", JOB_COLUMNS ", state, blocked_on", kKeyedColumns)
        .add(" ON CONFLICT (kind, unique_key, unique_as) WHERE unique_key IS NOT NULL DO ");
constexpr SqlText kInsertText = SqlText(kKeyedText).add("NOTHING");
constexpr SqlText kSuccessorText =
    SqlText(kKeyedText)
        .add(
            "UPDATE SET args = excluded.args, priority = excluded.priority, alone = excluded.alone, "
            "run_at = CASE WHEN $")
        .number(kKeepRunAt)
        .add(" THEN live_job.run_at ELSE excluded.run_at END RETURNING job_id, live_job.job_id " EQ " $1");
constexpr std::array<Oid, kKeepRunAt> keyed_types() {
    std::array<Oid, kKeepRunAt> types{};
    std::copy(kLiveTypes.begin(), kLiveTypes.end(), types.begin());
    types[kState - 1] = CHAROID;
    types[kBlockedOn - 1] = CHAROID;
    types[kKeepRunAt - 1] = BOOLOID;
    return types;
}
constexpr std::array<Oid, kKeepRunAt> kTypes = keyed_types();

constinit pg::Statement g_insert{"enqueue_keyed", kInsertText.c_str(),
                                 std::span(kTypes).first(kKeyedColumns)};
constinit pg::Statement g_insert_successor{"enqueue_successor", kSuccessorText.c_str(), kTypes};

// A key has at most a holder and a successor. ORDER BY takes the successor where there is one: it answers for
// both.
constinit pg::Statement g_holder{
    "unique_holder",
    "SELECT job_id, state, unique_as, xmax, queue FROM foreman.live_job WHERE kind " EQ
    " $1 AND unique_key " EQ " $2 AND unique_as " EQ " ANY ($3) ORDER BY unique_as LIMIT 1",
    {TEXTOID, TEXTOID, CHARARRAYOID}};

constinit pg::Statement g_replace{
    "unique_replace",
    "UPDATE foreman.live_job SET args = $2, priority = $3, run_at = CASE WHEN $4 THEN run_at ELSE $5 END, "
    "alone = alone OPERATOR(pg_catalog.&) 3::pg_catalog.int2 OPERATOR(pg_catalog.|) $6 "
    "WHERE ctid " EQ " ANY (ARRAY (SELECT w.ctid FROM foreman.live_job w WHERE w.job_id " EQ
    " $1 AND w.state " NE
    " 'r'::pg_catalog.\"char\" FOR UPDATE SKIP LOCKED)) RETURNING queue, kind, priority, alone, run_at, "
    "job_id, state, blocked_on, concurrency_key",
    {INT8OID, JSONBOID, INT2OID, BOOLOID, TIMESTAMPTZOID, INT2OID}};

constinit pg::Statement g_take_window{
    "take_window",
    "INSERT INTO foreman.unique_window AS w (kind, unique_key, job_id, until, queue) VALUES ($1, $2, $3, $4, "
    "$6) ON CONFLICT (kind, unique_key) DO UPDATE SET job_id = excluded.job_id, until = excluded.until, "
    "queue = excluded.queue WHERE w.until " LE " $5 RETURNING 1",
    {TEXTOID, TEXTOID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID}};

constinit pg::Statement g_window{"unique_window",
                                 "SELECT job_id, queue FROM foreman.unique_window WHERE kind " EQ
                                 " $1 AND unique_key " EQ " $2 AND until " GT " $3",
                                 {TEXTOID, TEXTOID, TIMESTAMPTZOID}};

// Where each job that is depended on is: l = unfinished, c = completed, x = ended otherwise; NULL: nowhere.
// No EXISTS: on a small table the planner would hash the whole of it, and a kept plan would do so later, too.
constinit pg::Statement g_dependencies{
    "dependencies",
    "SELECT u.id, CASE WHEN (SELECT l.job_id FROM foreman.live_job l WHERE l.job_id " EQ
    " u.id LIMIT 1) IS NOT NULL THEN 'l'::pg_catalog.\"char\" WHEN (SELECT d.job_id FROM "
    "foreman.dead_letter d WHERE d.job_id " EQ
    " u.id LIMIT 1) IS NOT NULL THEN 'x'::pg_catalog.\"char\" ELSE (SELECT h.outcome FROM "
    "foreman.job_history h WHERE h.job_id " EQ " u.id LIMIT 1) END FROM pg_catalog.unnest($1) AS u(id)",
    {INT8ARRAYOID}};

constinit pg::Statement g_add_dependency{
    "add_dependency",
    "INSERT INTO foreman.job_dependency (depends_on, job_id, policy) VALUES ($1, $2, $3) ON CONFLICT DO "
    "NOTHING",
    {INT8OID, INT8OID, CHAROID}};

struct Roles {
    UniqueAs holder, next;
};
constexpr Roles roles_of(const NewJob& job) noexcept {
    return job.timer ? Roles{UniqueAs::timer, UniqueAs::next_timer} : Roles{UniqueAs::holder, UniqueAs::next};
}

struct Holder {
    int64 id = 0;  // 0: nobody
    StoredState state{};
    UniqueAs role = UniqueAs::none;
    TransactionId xmax = InvalidTransactionId;
    board::BoardName queue{};
};

Holder holder_of(int64 id, std::string_view queue) {
    Holder h;
    h.id = id;
    board::set_name(&h.queue, queue);
    return h;
}

Holder find_holder(const NewJob& job) {
    // What others committed since, also under REPEATABLE READ: the unique index sees it as well.
    const pg::LatestSnapshot fresh;
    const Roles roles = roles_of(job);
    const Datum both[] = {CharGetDatum(static_cast<char>(roles.holder)),
                          CharGetDatum(static_cast<char>(roles.next))};
    pg::Args<3> a;
    a.text(1, job.kind).text(2, job.unique_key).set(3, pg::array_datum(pg::kChar, both));
    const pg::Rows rows = g_holder.execute(a, true);
    if (rows.empty()) return {};
    Holder h = holder_of(rows[0].i64(1), rows[0].view(5));
    h.state = rows[0].letter_of<StoredState>(2);
    h.role = rows[0].letter_of<UniqueAs>(3);
    h.xmax = DatumGetTransactionId(rows[0].datum(4));
    return h;
}

template <int N>
void set_columns(pg::Args<N>* a, const NewJob& job, int64 id, StoredState state, UniqueAs unique_as,
                 std::optional<core::BlockedOn> blocked_on = std::nullopt) {
    set_new_job(a, job);
    a->i64(LiveColumn::job_id, id).set(LiveColumn::args, job.args);
    a->i16(LiveColumn::attempt, 0).i16(LiveColumn::crashes, 0).i16(LiveColumn::interruptions, 0);
    set_keys<LiveColumn>(a, job.unique_key, job.unique_key.empty() ? UniqueAs::none : unique_as,
                         job.concurrency_key, job.sequence_key);
    a->letter(kState, state);
    if (blocked_on) a->letter(kBlockedOn, *blocked_on);
}

void remember_keyed(const NewJob& job, int64 id, bool blocked) {
    if (!blocked)
        remember_work(job.queue, job.kind, job.priority, job.alone(), job.role, {job.run_at.us, id});
    board::QueueDelta delta;
    delta.live = delta.enqueued = 1;
    remember_counts(job.queue, delta);
    if (job.expires_at) remember_expiry(*job.expires_at);
}

// Those that have not completed. errors 22023 for one that is nowhere.
void open_dependencies(const NewJob& job, pg::vector<int64>* open) {
    if (!job.depends_on) return;
    const pg::LatestSnapshot fresh;
    pg::Args<1> a;
    a.set(1, *job.depends_on);
    for (const pg::Row row : g_dependencies.execute(a, true)) {
        const int64 id = row.i64(1);
        if (row.is_null(2)) {
            throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE,
                              "depends_on names job " INT64_FORMAT ", which does not exist", id)
                .hint(
                    "Allowed: jobs that are committed or were enqueued in this transaction, as long as their "
                    "history is kept.");
        }
        if (row.letter_of<StoredState>(2) != StoredState::completed) open->push_back(id);
    }
}

void add_dependencies(int64 id, const pg::vector<int64>& on, core::OnDependency policy) {
    for (const int64 other : on) {
        pg::Args<3> a;
        a.i64(1, other).i64(2, id).letter(3, policy);
        g_add_dependency.execute(a);
        remember_awaited({core::EndKind::job, other});
    }
}

// Whoever meets a job through its unique key learns its id and may change it: that is for producers of its
// queue. The statements around run as the tables' owner, so the caller is named.
void require_producer(Oid caller, const NewJob& job, const Holder& h) {
    const std::string_view queue{h.queue.text, h.queue.len};
    if (queue == job.queue) return;  // asked before
    const pg::RunAs self(caller);
    require(Bundle::producer, queue);
}

// Given back as it is, or refused.
Inserted existing(const NewJob& job, int64 id) {
    if (job.on_conflict == OnConflict::raise) {
        throw pg::Failure(ERRCODE_UNIQUE_VIOLATION,
                          "a job of kind \"%.*s\" with unique_key \"%.*s\" exists: job " INT64_FORMAT,
                          static_cast<int>(job.kind.size()), job.kind.data(),
                          static_cast<int>(job.unique_key.size()), job.unique_key.data(), id)
            .hint("on_conflict => 'skip' answers that job, 'replace' changes it.");
    }
    return {id, false, false};
}

bool replaces(const NewJob& job) noexcept {
    return job.on_conflict == OnConflict::replace || job.on_conflict == OnConflict::preserve_run_at;
}

bool replace_waiting(const NewJob& job, int64 id) {
    if (job.timer) return renew_timer(job, id);
    pg::Args<6> a;
    a.i64(1, id).set(2, job.args).i16(3, job.priority);
    a.boolean(4, job.on_conflict == OnConflict::preserve_run_at).instant(5, job.run_at);
    a.i16(6, job.unvouched ? board::kUnvouched : int16{0});
    const pg::Rows rows = g_replace.execute(a);
    if (rows.empty()) return false;
    remember_moved(rows[0]);
    return true;
}

Inserted put_successor(const NewJob& job, int64 id, int64 holder) {
    pg::Args<kKeepRunAt> a;
    set_columns(&a, job, id, StoredState::blocked, roles_of(job).next, core::BlockedOn::successor);
    a.boolean(kKeepRunAt, job.on_conflict == OnConflict::preserve_run_at);
    const pg::Rows rows = g_insert_successor.execute(a);
    const int64 kept = rows[0].i64(1);
    const bool inserted = rows[0].boolean(2);
    if (job.timer && !inserted) renew_timer(job, kept);
    pg::Args<3> d;
    d.i64(1, holder).i64(2, kept).letter(3, core::OnDependency::run);
    g_add_dependency.execute(d);
    remember_awaited({core::EndKind::job, holder});
    if (inserted) remember_keyed(job, kept, true);
    return {kept, inserted, !inserted};
}

bool is_running(const Holder& h) {
    return h.state == StoredState::running || board::is_executor_transaction(h.xmax);
}

// The holder's row is there and committed. Nothing: look again.
std::optional<Inserted> meet_holder(const NewJob& job, const Holder& h, int64 id) {
    if (!replaces(job)) return existing(job, h.id);
    // First: a handler that replaces what its own transaction holds could change the row, and nobody would
    // read it.
    if (is_held_here(h.id) || is_running(h)) {
        if (job.timer) outdate_timer(h.id);
        return put_successor(job, id, h.id);
    }
    if (replace_waiting(job, h.id)) return Inserted{h.id, false, true};
    // Not for the row's lock, which an executor may have by then.
    pg::wait_for_changer(h.xmax);
    return std::nullopt;
}

// The job whose unique_for has not passed yet.
Holder window_holder(const NewJob& job) {
    const pg::LatestSnapshot fresh;
    pg::Args<3> a;
    a.text(1, job.kind).text(2, job.unique_key).instant(3, now());
    const pg::Rows rows = g_window.execute(a, true);
    if (rows.empty()) return {};
    return holder_of(rows[0].i64(1), rows[0].view(2));
}

// false: there is one; keys of timers are their own, and no window holds them. The transaction that the insert waited for may have opened it and ended its job, so a
// job without unique_for looks only now.
bool open_window(const NewJob& job, int64 id) {
    if (job.unique_key.empty() || job.timer) return true;
    if (!job.unique_for_us) return window_holder(job).id == 0;
    const core::Instant enqueued = now();
    pg::Args<6> a;
    a.text(1, job.kind).text(2, job.unique_key).i64(3, id).text(6, job.queue);
    a.instant(4, enqueued + core::Micros{*job.unique_for_us}).instant(5, enqueued);
    return !g_take_window.execute(a).empty();
}

}  // namespace

Inserted insert_keyed(const NewJob& job) {
    if (job.batch_id != 0) join_batch(job.batch_id);
    const Oid caller = GetUserId();
    const AsOwner scope;
    pg::Context context("foreman enqueue", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<int64> open(&memory);
    open_dependencies(job, &open);
    const int64 id = job.id != 0 ? job.id : next_job_id();
    const bool unique = !job.unique_key.empty();
    for (int tries = 0; tries < kMaxTries; tries++) {
        if (unique) {
            if (const Holder h = job.fresh_key && tries == 0 ? Holder{} : find_holder(job); h.id != 0) {
                require_producer(caller, job, h);
                if (const auto met = meet_holder(job, h, id)) return *met;
                continue;
            }
            if (!job.timer && (job.unique_for_us || tries > 0)) {
                if (const Holder h = window_holder(job); h.id != 0) {
                    require_producer(caller, job, h);
                    return existing(job, h.id);
                }
            }
        }
        pg::Args<kKeyedColumns> a;
        set_columns(&a, job, id, open.empty() ? StoredState::claimable : StoredState::blocked,
                    roles_of(job).holder,
                    open.empty() ? std::nullopt : std::optional(core::BlockedOn::dependency));
        // Waits for an open transaction that inserted the key; when that commits, its job is found next time.
        if (g_insert.execute(a).processed() == 0) continue;
        if (!open_window(job, id)) {
            delete_held({&id, 1});
            continue;
        }
        add_dependencies(id, open, job.run_anyway ? core::OnDependency::run : core::OnDependency::cancel);
        remember_keyed(job, id, !open.empty());
        return {id, true, false};
    }
    throw pg::Failure(ERRCODE_T_R_SERIALIZATION_FAILURE, "unique_key \"%.*s\" changes hands too often",
                      static_cast<int>(job.unique_key.size()), job.unique_key.data())
        .hint("Try again.");
}

}  // namespace foreman::store
