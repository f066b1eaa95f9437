// Ends of jobs: history and dead letters set-wise, put-backs row by row, errors of attempts as jsonb.
#include <algorithm>
#include <array>

#include "core/error_log.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/encoding.hpp"
#include "store/commit/remember.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/jobs/ended.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::store {

namespace {

// One array of rows: an unnest for each column would fill as many tuple stores.
constinit pg::Statement g_history{
    "history",
    "INSERT INTO foreman.job_history (job_id, finished_at, run_at, enqueued_at, started_at, priority, "
    "attempt, max_attempts, outcome, queue, kind, args, result, reason, tags, metadata, errors, batch_id, "
    "unique_key, unique_as, concurrency_key, sequence_key, origin, origin_id, worker_pid) "
    "SELECT u.job_id, u.finished_at, u.run_at, u.enqueued_at, u.started_at, u.priority, u.attempt, "
    "u.max_attempts, u.outcome, u.queue, u.kind, u.args, u.result, u.reason, u.tags, u.metadata, u.errors, "
    "u.batch_id, u.unique_key, u.unique_as, u.concurrency_key, u.sequence_key, u.origin, u.origin_id, $2 "
    "FROM pg_catalog.unnest($1) AS u (job_id pg_catalog.int8, finished_at pg_catalog.timestamptz, "
    "run_at pg_catalog.timestamptz, enqueued_at pg_catalog.timestamptz, started_at pg_catalog.timestamptz, "
    "priority pg_catalog.int2, attempt pg_catalog.int2, max_attempts pg_catalog.int2, "
    "outcome pg_catalog.\"char\", queue pg_catalog.text, kind pg_catalog.text, args pg_catalog.jsonb, "
    "result pg_catalog.jsonb, reason pg_catalog.text, tags pg_catalog.text[], metadata pg_catalog.jsonb, "
    "errors pg_catalog.jsonb, batch_id pg_catalog.int8, unique_key pg_catalog.text, "
    "unique_as pg_catalog.\"char\", concurrency_key pg_catalog.text, sequence_key pg_catalog.text, "
    "origin pg_catalog.\"char\", origin_id pg_catalog.int8)",
    {RECORDARRAYOID, INT4OID}};

constexpr std::array<Oid, 24> kHistoryTypes{
    INT8OID,  TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT2OID, INT2OID,      INT2OID,
    CHAROID,  TEXTOID,        TEXTOID,        JSONBOID,       JSONBOID,       TEXTOID, TEXTARRAYOID, JSONBOID,
    JSONBOID, INT8OID,        TEXTOID,        CHAROID,        TEXTOID,        TEXTOID, CHAROID,      INT8OID};

constinit pg::Statement g_dead_letter{
    "dead_letter",
    "INSERT INTO foreman.dead_letter (job_id, discarded_at, run_at, enqueued_at, started_at, priority, "
    "attempt, max_attempts, queue, kind, "
    "args, timeout_us, reason, tags, metadata, errors, worker_pid, batch_id, unique_key, unique_as, "
    "concurrency_key, sequence_key, origin, origin_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "
    "$9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)",
    {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT2OID,
     INT2OID, INT2OID,        TEXTOID,        TEXTOID,        JSONBOID,       INT8OID,
     TEXTOID, TEXTARRAYOID,   JSONBOID,       JSONBOID,       INT4OID,        INT8OID,
     TEXTOID, CHAROID,        TEXTOID,        TEXTOID,        CHAROID,        INT8OID}};

constinit pg::Statement g_put_back{
    "put_back",
    "INSERT INTO foreman.live_job (job_id, run_at, enqueued_at, priority, attempt, max_attempts, alone, "
    "queue, kind, args, timeout_us, "
    "expires_at, tags, metadata, errors, crashes, batch_id, unique_key, unique_as, concurrency_key, "
    "sequence_key, interruptions, origin, origin_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, "
    "$12, $13, "
    "$14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)",
    {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT2OID,        INT2OID,      INT2OID,  INT2OID,  TEXTOID,
     TEXTOID, JSONBOID,       INT8OID,        TIMESTAMPTZOID, TEXTARRAYOID, JSONBOID, JSONBOID, INT2OID,
     INT8OID, TEXTOID,        CHAROID,        TEXTOID,        TEXTOID,      INT2OID,  CHAROID,  INT8OID}};

constinit pg::Statement g_put_back_held{
    "put_back_held",
    "UPDATE foreman.live_job SET run_at = $2, priority = $3, attempt = $4, alone = $5, errors = $6, crashes "
    "= "
    "$7, interruptions = $8, state = 'w', token = NULL, claimed_at = NULL, worker_pid = NULL WHERE job_id " EQ
    " $1",
    {INT8OID, TIMESTAMPTZOID, INT2OID, INT2OID, INT2OID, JSONBOID, INT2OID, INT2OID}};

constinit pg::Statement g_delete_held{
    "delete_held", "DELETE FROM foreman.live_job WHERE job_id " EQ " ANY ($1)", {INT8ARRAYOID}};

constinit pg::Statement g_append_error{
    "append_error",
    "SELECT COALESCE($1, '[]'::pg_catalog.jsonb) " CAT
    " pg_catalog.jsonb_build_array(pg_catalog.jsonb_strip_nulls("
    "pg_catalog.jsonb_build_object('at', $2, 'attempt', $3, 'sqlstate', $4, 'message', $5, 'detail', "
    "COALESCE($10, pg_catalog.to_jsonb($6)), "
    "'hint', $7, 'context', $8, 'uncharged', $9)))",
    {JSONBOID, TIMESTAMPTZOID, INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, BOOLOID, JSONBOID}};

constinit pg::Statement g_drop_oldest{"drop_oldest_error", "SELECT $1 " MINUS " 0", {JSONBOID}};
constinit pg::Statement g_count_errors{
    "count_errors", "SELECT pg_catalog.jsonb_array_length($1)", {JSONBOID}};

constinit pg::Statement g_interrupted{
    "interrupted",
    "SELECT pg_catalog.count(*) OVER (), job_id, interruptions::pg_catalog.int8 FROM foreman.live_job WHERE "
    "interruptions " GT " 0 ORDER BY interruptions DESC, job_id LIMIT 1"};

std::optional<Datum> reason_datum(std::string_view reason) {
    if (reason.empty()) return std::nullopt;
    return pg::text_datum(pg::cut(reason, kMaxErrorText));
}

std::optional<Datum> text_or_null(std::string_view text) {
    if (text.empty()) return std::nullopt;
    return pg::text_datum(text);
}

template <int N>
void set_keys(pg::Args<N>* a, int first, const Job& j) {
    if (j.batch_id != 0) a->i64(first, j.batch_id);
    if (j.unique_as != core::UniqueAs::none)
        a->text(first + 1, j.unique_key).letter(first + 2, static_cast<char>(j.unique_as));
    if (!j.concurrency_key.empty()) a->text(first + 3, j.concurrency_key);
    if (!j.sequence_key.empty()) a->text(first + 4, j.sequence_key);
}

template <int N>
void set_origin(pg::Args<N>* a, int first, const Job& j) {
    if (j.origin != core::Origin::none)
        a->letter(first, static_cast<char>(j.origin)).i64(first + 1, j.origin_id);
}

bool keeps_args(const Job& job, const Queue& queue) {
    return static_cast<int64>(pg::datum_bytes(job.args)) <= queue.keep_args;
}

// The type of the rows that g_history takes; made once a process.
TupleDesc history_desc() {
    static constinit TupleDesc desc = nullptr;
    if (desc == nullptr) {
        desc = pg::guarded([] {
            const MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
            TupleDesc made = CreateTemplateTupleDesc(static_cast<int>(kHistoryTypes.size()));
            for (std::size_t i = 0; i < kHistoryTypes.size(); i++)
                TupleDescInitEntry(made, static_cast<AttrNumber>(i + 1), nullptr, kHistoryTypes[i], -1, 0);
            MemoryContextSwitchTo(old);
            return BlessTupleDesc(made);
        });
    }
    return desc;
}

// Texts and settings that neighbours in a group share.
struct HistoryNames {
    std::string_view queue_name, kind_name;
    Datum queue = 0;
    Datum kind = 0;
    const Queue* settings = nullptr;

    void become(const Job& j) {
        if (settings == nullptr || j.queue != queue_name) {
            settings = &find_queue(j.queue);
            queue = pg::text_datum(j.queue);
            queue_name = j.queue;
        }
        if (kind == 0 || j.kind != kind_name) {
            kind = pg::text_datum(j.kind);
            kind_name = j.kind;
        }
    }
};

Datum history_row(const Ended& e, const HistoryNames& names) {
    const Job& j = *e.job;
    Datum v[kHistoryTypes.size()];
    bool n[kHistoryTypes.size()];
    const auto put = [&v, &n](std::size_t i, std::optional<Datum> value) {
        v[i] = value.value_or(Datum{0});
        n[i] = !value.has_value();
    };
    put(0, Int64GetDatum(j.job_id));
    put(1, pg::to_datum(e.finished_at));
    put(2, pg::to_datum(j.run_at));
    put(3, pg::to_datum(j.enqueued_at));
    put(4, e.started_at ? std::optional<Datum>(pg::to_datum(*e.started_at)) : std::nullopt);
    put(5, Int16GetDatum(j.priority));
    put(6, Int16GetDatum(e.attempt));
    put(7, Int16GetDatum(j.max_attempts));
    put(8, CharGetDatum(e.next == core::Next::complete ? 'c' : 'x'));
    put(9, names.queue);
    put(10, names.kind);
    put(11, keeps_args(j, *names.settings) ? std::optional<Datum>(j.args) : std::nullopt);
    put(12, e.result);
    put(13, reason_datum(e.reason));
    put(14, j.tags);
    put(15, j.metadata);
    put(16, e.errors);
    put(17, j.batch_id != 0 ? std::optional<Datum>(Int64GetDatum(j.batch_id)) : std::nullopt);
    put(18, text_or_null(j.unique_key));
    put(19, j.unique_as != core::UniqueAs::none
                ? std::optional<Datum>(CharGetDatum(static_cast<char>(j.unique_as)))
                : std::nullopt);
    put(20, text_or_null(j.concurrency_key));
    put(21, text_or_null(j.sequence_key));
    const bool made = j.origin != core::Origin::none;
    put(22, made ? std::optional<Datum>(CharGetDatum(static_cast<char>(j.origin))) : std::nullopt);
    put(23, made ? std::optional<Datum>(Int64GetDatum(j.origin_id)) : std::nullopt);
    return pg::composite_datum(history_desc(), v, n);
}

void write_history(std::span<const Ended* const> ended, pg::ContextResource* memory) {
    pg::vector<Datum> rows(memory);
    rows.reserve(ended.size());
    HistoryNames names;
    for (const Ended* e : ended) {
        names.become(*e->job);
        rows.push_back(history_row(*e, names));
    }
    constexpr pg::ElementType kRecord{RECORDOID, -1, false, TYPALIGN_DOUBLE};
    pg::Args<2> a;
    a.set(1, pg::array_datum(kRecord, {rows.data(), rows.size()})).i32(2, MyProcPid);
    g_history.execute(a);
}

void write_dead_letter(const Ended& e) {
    const Job& j = *e.job;
    pg::Args<24> a;
    a.i64(1, j.job_id).instant(2, e.finished_at).instant(3, j.run_at).instant(4, j.enqueued_at);
    if (e.started_at) a.instant(5, *e.started_at);
    a.i16(6, j.priority)
        .i16(7, e.attempt)
        .i16(8, j.max_attempts)
        .text(9, j.queue)
        .text(10, j.kind)
        .set(11, j.args);
    if (j.timeout_us >= 0) a.i64(12, j.timeout_us);
    if (const auto reason = reason_datum(e.reason)) a.set(13, *reason);
    if (j.tags) a.set(14, *j.tags);
    if (j.metadata) a.set(15, *j.metadata);
    if (e.errors) a.set(16, *e.errors);
    a.i32(17, MyProcPid);
    set_keys(&a, 18, j);
    set_origin(&a, 23, j);
    g_dead_letter.execute(a);
}

board::QueueDelta delta_of(core::Next next) {
    board::QueueDelta d;
    d.live = -1;
    d.completed = next == core::Next::complete ? 1 : 0;
    d.cancelled = next == core::Next::cancel ? 1 : 0;
    d.discarded = next == core::Next::discard ? 1 : 0;
    return d;
}

// From when it could start, and from its start.
void count_times(board::JobTimes* times, const Ended& e) {
    if (!e.started_at) return;
    const core::Micros wait =
        std::max(*e.started_at - std::max(e.job->run_at, e.job->enqueued_at), core::Micros{});
    const core::Micros run = std::max(e.finished_at - *e.started_at, core::Micros{});
    core::count_duration(&times->wait, wait);
    core::count_duration(&times->run, run);
    times->wait_us += wait.us;
    times->run_us += run.us;
}

// Counters and waiters; neighbours of one queue are one note.
void remember_ended(std::span<const Ended> ended) {
    std::size_t i = 0;
    while (i < ended.size()) {
        const std::string_view queue = ended[i].job->queue;
        board::QueueDelta sum;
        board::JobTimes times;
        for (; i < ended.size() && ended[i].job->queue == queue; i++) {
            const board::QueueDelta d = delta_of(ended[i].next);
            sum.live += d.live;
            sum.completed += d.completed;
            sum.cancelled += d.cancelled;
            sum.discarded += d.discarded;
            remember_end_of(*ended[i].job);
            count_times(&times, ended[i]);
        }
        remember_counts(queue, sum, &times);
    }
}

void set_text(pg::Args<10>* a, int number, const char* text) {
    if (text != nullptr && *text != '\0') a->text(number, pg::cut(text, kMaxErrorText));
}

}  // namespace

void record_ended(std::span<const Ended> ended) {
    if (ended.empty()) return;
    const AsOwner scope;
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<const Ended*> history(&memory);
    history.reserve(ended.size());
    for (const Ended& e : ended) {
        if (e.next == core::Next::discard) {
            write_dead_letter(e);
        } else {
            history.push_back(&e);
        }
    }
    pg::vector<int64> held(&memory);
    for (const Ended& e : ended) {
        if (e.job->held) held.push_back(e.job->job_id);
    }
    if (!held.empty()) delete_held({held.data(), held.size()});
    if (!history.empty()) write_history({history.data(), history.size()}, &memory);
    tell_observers(ended);
    remember_ended(ended);
}

void delete_held(std::span<const int64> ids) {
    const AsOwner scope;
    pg::Args<1> a;
    a.set(1, pg::int8_array(ids));
    g_delete_held.execute(a);
}

void remember_end_of(const Job& job) {
    remember_end(job.job_id);
    if (job.batch_id != 0) remember_awaited({core::EndKind::batch, job.batch_id});
    if (!job.concurrency_key.empty()) remember_key(core::BlockedOn::key, job.queue, job.concurrency_key);
    if (!job.sequence_key.empty()) remember_key(core::BlockedOn::sequence, job.queue, job.sequence_key);
}

void put_back(const Job& job, int16 attempt, int16 alone_bits, core::Instant run_at,
              std::optional<Datum> errors) {
    const AsOwner scope;
    const auto alone = static_cast<int16>((alone_bits & board::kAlone) | (job.alone & board::kUnvouched) |
                                          (job.has_keys() ? board::kKeyed : 0));
    // An attempt came to an end of its own: those in a row end with it.
    const int16 interruptions = attempt > job.attempt ? int16{0} : job.interruptions;
    if (job.held) {
        pg::Args<8> h;
        h.i64(1, job.job_id).instant(2, run_at).i16(3, job.priority).i16(4, attempt).i16(5, alone);
        if (errors) h.set(6, *errors);
        h.i16(7, job.crashes).i16(8, interruptions);
        g_put_back_held.execute(h);
    } else {
        pg::Args<24> a;
        a.i64(1, job.job_id)
            .instant(2, run_at)
            .instant(3, job.enqueued_at)
            .i16(4, job.priority)
            .i16(5, attempt)
            .i16(6, job.max_attempts);
        a.i16(7, alone).text(8, job.queue).text(9, job.kind).set(10, job.args);
        if (job.timeout_us >= 0) a.i64(11, job.timeout_us);
        if (job.expires_at) a.instant(12, *job.expires_at);
        if (job.tags) a.set(13, *job.tags);
        if (job.metadata) a.set(14, *job.metadata);
        if (errors) a.set(15, *errors);
        a.i16(16, job.crashes);
        set_keys(&a, 17, job);
        a.i16(22, interruptions);
        set_origin(&a, 23, job);
        g_put_back.execute(a);
    }
    // Under policy `skip` the others of its sequence need not wait for it.
    if (!job.sequence_key.empty()) remember_key(core::BlockedOn::sequence, job.queue, job.sequence_key);
    remember_work(job.queue, job.kind, job.priority, alone, role_of(job.kind, job.queue, alone),
                  {run_at.us, job.job_id});
    if (job.expires_at) remember_expiry(*job.expires_at);
    if (attempt > job.attempt) {
        board::QueueDelta failed;
        failed.failed = 1;
        remember_counts(job.queue, failed);
    }
}

Interrupted interrupted_jobs() {
    const AsOwner scope;
    const pg::Rows rows = g_interrupted.execute(true);
    if (rows.empty()) return {};
    return {rows[0].i64(1), rows[0].i64(2), rows[0].i64(3)};
}

Datum append_error(std::optional<Datum> errors, const AttemptError& error, MemoryContext context) {
    const AsOwner scope;
    Datum kept = errors.value_or(Datum{0});
    if (errors) {
        pg::Args<1> one;
        one.set(1, kept);
        int drop = core::errors_to_drop(g_count_errors.execute(one)[0].i32(1));
        for (; drop > 0; drop--) {
            one.set(1, kept);
            const pg::Rows rows = g_drop_oldest.execute(one);
            const Datum shorter = rows[0].datum(1);
            kept = pg::guarded([&] { return PointerGetDatum(PG_DETOAST_DATUM_COPY(shorter)); });
        }
    }
    pg::Args<10> a;
    if (errors) a.set(1, kept);
    a.instant(2, error.at).i32(3, error.attempt);
    set_text(&a, 4, error.sqlstate);
    set_text(&a, 5, error.message);
    const std::string_view value = error.detail_value ? pg::jsonb_to_text(*error.detail_value) : "";
    if (error.detail_value && value.size() <= kMaxErrorText) {
        a.set(10, *error.detail_value);
    } else if (error.detail_value) {
        a.text(6, pg::cut(value, kMaxErrorText));
    } else {
        set_text(&a, 6, error.detail);
    }
    set_text(&a, 7, error.hint);
    set_text(&a, 8, error.context);
    if (error.uncharged) a.set(9, BoolGetDatum(true));
    const pg::Rows rows = g_append_error.execute(a);
    const Datum longer = rows[0].datum(1);
    return pg::guarded([&] {
        const MemoryContext old = MemoryContextSwitchTo(context);
        const Datum copy = PointerGetDatum(PG_DETOAST_DATUM_COPY(longer));
        MemoryContextSwitchTo(old);
        return copy;
    });
}

}  // namespace foreman::store
