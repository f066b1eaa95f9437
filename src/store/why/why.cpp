// See why.hpp. The order of the rows: what the job is, then what stands in its way, from what is its own to
// what it shares with others.
#include "store/why/why.hpp"

#include <algorithm>

#include "board/leases.hpp"
#include "board/queue_limits.hpp"
#include "board/settings.hpp"
#include "board/slots.hpp"
#include "board/tables.hpp"
#include "board/waits.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/launch.hpp"
#include "pg/xact.hpp"
#include "store/commit/identity.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/access.hpp"
#include "store/definitions/definitions.hpp"
#include "store/jobs/jobs.hpp"
#include "store/upkeep/roles.hpp"

namespace foreman::store {

namespace {

constinit pg::Statement g_job{
    "why_job",
    "SELECT 'l'::pg_catalog.\"char\", state, attempt, queue, kind, run_at, NULL::pg_catalog.text, "
    "COALESCE(blocked_on, ' '), COALESCE(concurrency_key, ''), COALESCE(sequence_key, ''), "
    "COALESCE(unique_key, ''), COALESCE(worker_pid, 0), worker, claimed_at, xmax, priority, alone, "
    "claimed_at OPERATOR(pg_catalog.+) (lease_us "
    "OPERATOR(pg_catalog.*) '1 microsecond'::pg_catalog.interval), interruptions FROM foreman.live_job WHERE "
    "job_id " EQ
    " $1 UNION ALL SELECT 'h', outcome, attempt, queue, kind, finished_at, reason, ' ', '', '', '', 0, NULL, "
    "NULL, '0', 0, 0, NULL, 0 FROM foreman.job_history WHERE job_id " EQ
    " $1 UNION ALL SELECT 'd', 'd', attempt, queue, kind, discarded_at, reason, ' ', '', '', '', 0, NULL, "
    "NULL, '0', 0, 0, NULL, 0 FROM foreman.dead_letter WHERE job_id " EQ " $1 LIMIT 1",
    {INT8OID}};

constinit pg::Statement g_key_holders{
    "why_key",
    "SELECT job_id FROM foreman.live_job WHERE queue " EQ " $1 AND concurrency_key " EQ " $2 AND (state " EQ
    " 'r'::pg_catalog.\"char\" OR job_id " EQ " ANY ($3)) ORDER BY job_id LIMIT 100",
    {TEXTOID, TEXTOID, INT8ARRAYOID}};

constinit pg::Statement g_dependencies{"why_dependencies",
                                       "SELECT depends_on FROM foreman.job_dependency WHERE job_id " EQ
                                       " $1 ORDER BY depends_on LIMIT 100",
                                       {INT8OID}};

constinit pg::Statement g_state{"why_state",
                                "SELECT state, attempt " GT " 0, run_at " LE
                                " $2 FROM foreman.live_job WHERE job_id " EQ " $1",
                                {INT8OID, TIMESTAMPTZOID}};

// Whose transaction this is; a prepared one has no pid.
constinit pg::Statement g_transaction{
    "why_transaction",
    "SELECT COALESCE(l.pid, 0), pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('pid', l.pid, "
    "'role', a.usename, 'since', a.xact_start)) FROM pg_catalog.pg_locks l LEFT JOIN "
    "pg_catalog.pg_stat_activity a ON a.pid " EQ " l.pid WHERE l.locktype " EQ
    " 'transactionid' AND l.transactionid " EQ " $1 AND l.granted AND l.mode " EQ " 'ExclusiveLock' LIMIT 1",
    {XIDOID}};

constinit pg::Statement g_queue_holders{
    "why_queue_holders",
    "SELECT job_id FROM foreman.live_job WHERE queue " EQ " $1 AND state " EQ
    " 'r'::pg_catalog.\"char\" UNION SELECT job_id FROM foreman.live_job WHERE queue " EQ " $1 AND job_id " EQ
    " ANY ($2) ORDER BY job_id LIMIT 100",
    {TEXTOID, INT8ARRAYOID}};

constinit pg::Statement g_blockers{
    "why_blockers",
    "SELECT pg_catalog.jsonb_build_object('worker_pid', $1, 'blocked_by', "
    "pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('pid', b.pid, 'role', a.usename) ORDER BY b.pid)) "
    "FROM (SELECT DISTINCT u.pid FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids($1)) AS u(pid)) b LEFT "
    "JOIN pg_catalog.pg_stat_activity a ON a.pid " EQ " b.pid HAVING pg_catalog.count(*) " GT " 0",
    {INT4OID}};

// A jsonb object, written member by member.
class Detail {
  public:
    explicit Detail(MemoryContext context) : context_(context) {
        const pg::CurrentScope scope(context);
        pg::guarded([this] {
            initStringInfo(&text_);
            appendStringInfoChar(&text_, '{');
        });
    }
    Detail& number(const char* name, int64 value) {
        begin(name);
        pg::guarded([&] { appendStringInfo(&text_, INT64_FORMAT, value); });
        return *this;
    }
    Detail& numbers(const char* name, std::span<const int64> values) {
        begin(name);
        pg::guarded([&] {
            appendStringInfoChar(&text_, '[');
            for (std::size_t i = 0; i < values.size(); i++)
                appendStringInfo(&text_, i == 0 ? INT64_FORMAT : ", " INT64_FORMAT, values[i]);
            appendStringInfoChar(&text_, ']');
        });
        return *this;
    }
    Detail& text(const char* name, std::string_view value) {
        begin(name);
        pg::guarded([&] {
            appendStringInfoChar(&text_, '"');
            for (const char c : value) {
                if (static_cast<unsigned char>(c) < ' ') {
                    appendStringInfo(&text_, "\\u%04x", static_cast<unsigned>(c));
                } else {
                    if (c == '"' || c == '\\') appendStringInfoChar(&text_, '\\');
                    appendStringInfoChar(&text_, c);
                }
            }
            appendStringInfoChar(&text_, '"');
        });
        return *this;
    }
    Detail& role(const char* name, Oid role) {
        const char* known = pg::guarded([role] { return GetUserNameFromId(role, true); });
        return known == nullptr ? number(name, role) : text(name, known);
    }
    Datum done() {
        pg::guarded([this] { appendStringInfoChar(&text_, '}'); });
        return pg::jsonb_from_text({text_.data, static_cast<std::size_t>(text_.len)}, context_);
    }

  private:
    void begin(const char* name) {
        pg::guarded([&] { appendStringInfo(&text_, text_.len > 1 ? ", \"%s\": " : "\"%s\": ", name); });
    }
    const MemoryContext context_;
    StringInfoData text_;
};

struct Found {
    int64 id;
    char place, blocked_on;  // place 0: nowhere
    core::StoredState state;
    int16 attempt;
    std::string_view queue, kind, reason, concurrency_key, sequence_key, unique_key, worker;
    core::Instant run_at, claimed_at;  // of ended jobs, run_at is when they ended
    int32 worker_pid;
    TransactionId xmax;
    int16 priority, alone, interruptions;
    std::optional<core::Instant> leased_until;  // as the row has it
};

std::string_view keep(const pg::Row& row, int column, MemoryContext context) {
    if (row.is_null(column)) return {};
    const std::string_view text = row.view(column);
    return {pg::copy_text(text, context), text.size()};
}

std::string_view name_of(const BoardName& n) noexcept { return {n.text, n.len}; }

class Question {
  public:
    Question(core::Instant now, pg::vector<Reason>* out)
        : now_(now), memory_(CurrentMemoryContext), executors_(&memory_), out_(*out) {}

    void answer(int64 job_id);

  private:
    // Values in there outlive the owner's scopes, whose own memory goes with them.
    MemoryContext context() const noexcept { return memory_.context(); }
    Datum keep_value(const pg::Row& row, int column) const;
    bool read(int64 job_id);
    void read_executors();
    void add(const char* reason, Detail& detail, std::optional<core::Instant> until = std::nullopt) {
        out_.push_back({reason, detail.done(), until});
    }

    void ended();
    const SlotReading* runs_in() const;
    void running(int32 pid, std::optional<core::Instant> since);
    void interrupted();
    bool held();
    void own_time();
    void holders_of_queue(pg::vector<int64>* holders);
    void queue_limits();
    void queue_closed();
    void key();
    void sequence();
    void others_end();
    void lacks_room(BoardTable table);
    void no_room();
    void handler();
    void workers(const Handler& h);
    void executors(Oid role);

    const core::Instant now_;
    pg::ContextResource memory_;
    pg::vector<SlotReading> executors_;  // of this database
    int busy_ = 0;                       // of all databases
    pg::vector<Reason>& out_;
    Found job_{};
};

Datum Question::keep_value(const pg::Row& row, int column) const {
    const Datum value = row.datum(column);
    const pg::CurrentScope scope(context());
    return pg::guarded([value] { return PointerGetDatum(PG_DETOAST_DATUM_COPY(value)); });
}

bool Question::read(int64 job_id) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, job_id);
    const pg::Rows rows = g_job.execute(a, true);
    if (rows.empty()) return false;
    const pg::Row r = rows[0];
    job_.id = job_id;
    job_.place = r.letter(1);
    job_.state = static_cast<core::StoredState>(r.letter(2));
    job_.attempt = r.i16(3);
    job_.queue = keep(r, 4, context());
    job_.kind = keep(r, 5, context());
    job_.run_at = r.instant(6);
    job_.reason = keep(r, 7, context());
    job_.blocked_on = r.letter(8);
    job_.concurrency_key = keep(r, 9, context());
    job_.sequence_key = keep(r, 10, context());
    job_.unique_key = keep(r, 11, context());
    job_.worker_pid = r.i32(12);
    job_.worker = keep(r, 13, context());
    if (!r.is_null(14)) job_.claimed_at = r.instant(14);
    job_.xmax = DatumGetTransactionId(r.datum(15));
    job_.priority = r.i16(16);
    job_.alone = r.i16(17);
    if (!r.is_null(18)) job_.leased_until = r.instant(18);
    job_.interruptions = r.i16(19);
    return true;
}

void Question::read_executors() {
    if (!board_present()) return;
    for (int i = 0; i < kMaxSlots; i++) {
        SlotReading s;
        if (!read_slot(i, &s) || s.state == SlotState::dead) continue;
        if (s.state == SlotState::busy) busy_++;
        if (s.database == MyDatabaseId) executors_.push_back(s);
    }
}

void Question::ended() {
    Detail d(context());
    d.text("state", core::state_name(job_.state, false, true));
    d.number("attempt", job_.attempt);
    if (!job_.reason.empty() && may_see_args(job_.queue)) d.text("reason", job_.reason);
    out_.push_back({"finished", d.done(), std::nullopt});
}

const SlotReading* Question::runs_in() const {
    const auto runs = std::find_if(executors_.begin(), executors_.end(),
                                   [this](const SlotReading& s) { return s.job_id == job_.id; });
    return runs == executors_.end() ? nullptr : &*runs;
}

// By an executor or by a worker outside; and whether the handler waits for a lock.
void Question::running(int32 pid, std::optional<core::Instant> since) {
    Detail d(context());
    std::optional<core::Instant> until;
    d.number("attempt", job_.attempt + 1);
    if (pid != 0) d.number("worker_pid", pid);
    if (since) d.number("seconds", (now_ - *since).us / USECS_PER_SEC);
    if (!job_.worker.empty()) {
        d.text("worker_id", job_.worker);
        until = job_.leased_until;
        LeaseReading lease;
        if (board_present() && read_lease(MyDatabaseId, job_.id, &lease)) until = lease.until;
    }
    add("running", d, until);
    if (pid == 0) return;
    const AsOwner scope;
    pg::Args<1> a;
    a.i32(1, pid);
    const pg::Rows rows = g_blockers.execute(a, true);
    if (rows.empty()) return;
    out_.push_back({"waiting_for_lock", keep_value(rows[0], 1), std::nullopt});
}

// Its row is in somebody's transaction: of an executor that runs others of its group first, or of a user.
bool Question::held() {
    if (!TransactionIdIsNormal(job_.xmax) || TransactionIdIsCurrentTransactionId(job_.xmax)) return false;
    const AsOwner scope;
    pg::Args<1> a;
    a.set(1, TransactionIdGetDatum(job_.xmax));
    const pg::Rows rows = g_transaction.execute(a, true);
    if (rows.empty()) return false;
    const int32 pid = rows[0].i32(1);
    for (const SlotReading& s : executors_) {
        if (s.pid != pid) continue;
        Detail d(context());
        d.number("worker_pid", pid);
        if (s.job_id != 0) d.number("behind", s.job_id);
        add("claimed", d);
        return true;
    }
    out_.push_back({"locked", keep_value(rows[0], 2), std::nullopt});
    return false;
}

// It begins anew each time, and may do so for ever.
void Question::interrupted() {
    if (job_.interruptions == 0) return;
    Detail d(context());
    add("interrupted",
        d.number("times", job_.interruptions).number("max_interruptions", settings::max_interruptions));
}

void Question::own_time() {
    if (job_.run_at <= now_) return;
    Detail d(context());
    d.number("attempt", job_.attempt);
    add("due_later", d, job_.run_at);
}

// What of the queue runs: leased, or named by an executor.
void Question::holders_of_queue(pg::vector<int64>* holders) {
    const AsOwner scope;
    pg::vector<int64> busy(&memory_);
    for (const SlotReading& s : executors_) busy.push_back(s.job_id);
    pg::Args<2> a;
    a.text(1, job_.queue).set(2, pg::int8_array({busy.data(), busy.size()}));
    for (const pg::Row r : g_queue_holders.execute(a, true)) holders->push_back(r.i64(1));
}

void Question::queue_limits() {
    const QueueUse use = read_queue_use(queue_entry_of(job_.queue));
    if (use.max_running > 0 && use.running >= use.max_running) {
        pg::vector<int64> holders(&memory_);
        holders_of_queue(&holders);
        Detail d(context());
        d.text("queue", job_.queue).number("max_running", use.max_running);
        add("limit_full", d.numbers("held_by", {holders.data(), holders.size()}));
    }
    if (use.rate_limit > 0 && use.rate_opens > now_) {
        Detail d(context());
        add("rate_limited", d.text("queue", job_.queue).number("rate_limit", use.rate_limit), use.rate_opens);
    }
}

void Question::queue_closed() {
    if (find_queue(job_.queue).paused) {
        Detail d(context());
        add("paused", d.text("queue", job_.queue));
    }
    if (!board_present()) return;
    const core::Cooling cooling = read_cooling(MyDatabaseId, job_.queue);
    if (cooling.until > now_) {
        Detail d(context());
        add("cooling_down", d.text("queue", job_.queue).number("windows", cooling.windows), cooling.until);
    }
    queue_limits();
}

void Question::key() {
    if (job_.concurrency_key.empty()) return;
    const int limit = find_queue(job_.queue).max_running_per_key;
    const KeyName name{BlockedOn::key, job_.queue, job_.concurrency_key};
    const bool parked =
        job_.state == core::StoredState::blocked && job_.blocked_on == static_cast<char>(BlockedOn::key);
    if (!parked && (!board_present() || key_running(MyDatabaseId, name) < limit)) return;
    const AsOwner scope;
    pg::vector<int64> busy(&memory_);
    for (const SlotReading& s : executors_) busy.push_back(s.job_id);
    pg::Args<3> a;
    a.text(1, job_.queue).text(2, job_.concurrency_key).set(3, pg::int8_array({busy.data(), busy.size()}));
    pg::vector<int64> holders(&memory_);
    for (const pg::Row r : g_key_holders.execute(a, true)) holders.push_back(r.i64(1));
    Detail d(context());
    d.text("concurrency_key", job_.concurrency_key).number("max_running_per_key", limit);
    add("key_busy", d.numbers("held_by", {holders.data(), holders.size()}));
}

void Question::sequence() {
    if (job_.sequence_key.empty()) return;
    const AsOwner scope;
    pg::vector<int64> ids(&memory_);
    sequence_order(job_.queue, job_.sequence_key, find_queue(job_.queue).skip_later, SequencePart::all, now_,
                   1, &ids);
    if (ids.empty() || ids[0] >= job_.id) return;
    Detail d(context());
    d.text("sequence_key", job_.sequence_key).number("head", ids[0]);
    pg::Args<2> a;
    a.i64(1, ids[0]).instant(2, now_);
    const pg::Rows rows = g_state.execute(a, true);
    if (!rows.empty()) {
        const bool runs = std::any_of(executors_.begin(), executors_.end(),
                                      [&](const SlotReading& s) { return s.job_id == ids[0]; });
        d.text("head_state", runs ? "running"
                                  : core::state_name(static_cast<core::StoredState>(rows[0].letter(1)),
                                                     rows[0].boolean(2), rows[0].boolean(3)));
    }
    add("sequence", d);
}

// Other jobs: dependencies, or the one whose unique key it takes over.
void Question::others_end() {
    if (job_.state != core::StoredState::blocked) return;
    const bool successor = job_.blocked_on == static_cast<char>(BlockedOn::successor);
    if (!successor && job_.blocked_on != static_cast<char>(BlockedOn::dependency)) return;
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, job_.id);
    pg::vector<int64> others(&memory_);
    for (const pg::Row r : g_dependencies.execute(a, true)) others.push_back(r.i64(1));
    Detail d(context());
    if (successor) d.text("unique_key", job_.unique_key);
    add(successor ? "unique_key" : "dependencies", d.numbers("jobs", {others.data(), others.size()}));
}

void Question::lacks_room(BoardTable table) {
    const TableReading t = read_board_tables(now_)[static_cast<std::size_t>(table)];
    Detail d(context());
    d.text("table", t.name).number("used", t.used).number("capacity", t.capacity);
    add("no_room", d.text("setting", t.setting));
}

// Where a table of the board is full, what has no entry there is served later, or not before there is room.
void Question::no_room() {
    if (!board_present() || job_.state != core::StoredState::claimable || job_.run_at > now_) return;
    const RangeState range =
        read_range_state({MyDatabaseId, job_.queue, job_.kind, job_.priority, job_.alone});
    if (!range.known && is_off_board(MyDatabaseId)) lacks_room(BoardTable::ranges);
    if (range.no_room) lacks_room(BoardTable::keys);
    const Queue& queue = find_queue(job_.queue);
    if ((queue.max_running > 0 || queue.rate_limit > 0) && queue_entry_of(job_.queue) == kNoIndex)
        lacks_room(BoardTable::queues);
}

void Question::handler() {
    const Handler& h = find_handler(job_.kind, job_.queue, job_.alone);
    if (h.exists) return workers(h);
    Detail d(context());
    d.text("kind", job_.kind);
    const Handler& any = find_handler(job_.kind);
    if (any.exists && !any.serves(job_.queue)) d.text("handler", "serves other queues");
    if (any.exists && any.serves(job_.queue))
        d.text("handler", "came later").text("handler_queue", any.queue_name());
    if (board_present())
        d.number("outside_workers", place_of_worker(MyDatabaseId, job_.queue, {}, now_).workers);
    add("no_handler", d);
}

void Question::workers(const Handler& h) {
    Detail d(context());
    const DatabaseSlot* slot = board_present() ? database_slot(MyDatabaseId) : nullptr;
    const Permission permission = read_permission();
    if (!board_present()) return add("not_preloaded", d.text("shared_preload_libraries", "lacks pg_foreman"));
    if (RecoveryInProgress()) return add("standby", d);
    if (!settings::enabled) return add("disabled", d.text("setting", "foreman.enabled"));
    if (permission != Permission::runs)
        return add(permission == Permission::stopped ? "stopped" : "copied", d);
    if (slot == nullptr || slot->pid == 0) return add("no_worker", d.text("lacks", "dispatcher"));
    switch (pg::session_bar(h.run_as)) {
        case pg::SessionBar::none:
            return executors(h.run_as);
        case pg::SessionBar::no_such_role:
            return add("role", d.text("role", shown_role_of(job_.kind)).text("lacks", "existence"));
        case pg::SessionBar::no_login:
            return add("role", d.role("role", h.run_as).text("lacks", "LOGIN"));
        case pg::SessionBar::no_connect:
            return add("role", d.role("role", h.run_as).text("lacks", "CONNECT"));
    }
}

// Nothing else is in its way: whether somebody is free to run it. A role without executors gets one as soon
// as any executor, of whatever role or database, is not busy: that one makes room.
void Question::executors(Oid role) {
    if (out_.size() > (job_.interruptions > 0 ? 1 : 0)) return;
    int mine = 0;
    int idle = 0;
    for (const SlotReading& s : executors_) {
        if (s.role != role) continue;
        mine++;
        if (s.state != SlotState::busy) idle++;
    }
    Detail d(context());
    d.role("role", role).number("executors", mine);
    if (idle > 0) return add("ready", d);
    if (mine == 0 && busy_ < settings::max_executors) return add("no_worker", d);
    pg::vector<int64> jobs(&memory_);
    for (const SlotReading& s : executors_) {
        if ((mine == 0 || s.role == role) && s.job_id != 0 && may_see(name_of(s.queue)))
            jobs.push_back(s.job_id);
    }
    d.number("max_executors", settings::max_executors);
    add("executors_busy", d.numbers("running", {jobs.data(), jobs.size()}));
}

void Question::answer(int64 job_id) {
    const pg::LatestSnapshot fresh;
    if (!read(job_id) || !may_see(job_.queue)) {
        Detail d(context());
        return add("not_found", d.number("job_id", job_id));
    }
    if (job_.place != 'l') return ended();
    interrupted();
    read_executors();
    if (const SlotReading* s = runs_in()) return running(s->pid, s->started_at);
    if (job_.state == core::StoredState::running) return running(job_.worker_pid, job_.claimed_at);
    if (held()) return;
    own_time();
    others_end();
    key();
    sequence();
    queue_closed();
    no_room();
    handler();
}

}  // namespace

void reasons_of(int64 job_id, core::Instant now, pg::vector<Reason>* out) {
    Question(now, out).answer(job_id);
}

}  // namespace foreman::store
