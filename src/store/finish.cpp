// Ends of jobs: history and dead letters set-wise, put-backs row by row, errors of attempts as jsonb.
#include <algorithm>
#include <array>

#include "core/error_log.hpp"
#include "core/utf8.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "store/jobs.hpp"
#include "store/remember.hpp"
#include "store/schema.hpp"
#include "store/sql_names.hpp"

namespace foreman::store {

namespace {

// Set-returning unnest over as many arrays as there are columns; NULL args stand for values that are not
// kept.
constinit pg::Statement g_history{
    "history",
    "INSERT INTO foreman.job_history (job_id, finished_at, run_at, enqueued_at, started_at, priority, "
    "attempt, max_attempts, outcome, "
    "queue, kind, args, result, reason, tags, metadata, errors, worker_pid) "
    "SELECT u.a, u.b, u.c, u.d, u.e, u.f, u.g, u.h, u.i, u.j, u.k, u.l, u.m, u.n, "
    "CASE WHEN u.o IS NULL THEN NULL ELSE u.o::pg_catalog.text[] END, u.p, u.q, $18 "
    "FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), "
    "pg_catalog.unnest($4), pg_catalog.unnest($5), "
    "pg_catalog.unnest($6), pg_catalog.unnest($7), pg_catalog.unnest($8), pg_catalog.unnest($9), "
    "pg_catalog.unnest($10), "
    "pg_catalog.unnest($11), pg_catalog.unnest($12), pg_catalog.unnest($13), pg_catalog.unnest($14), "
    "pg_catalog.unnest($15), "
    "pg_catalog.unnest($16), pg_catalog.unnest($17)) AS u(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q)",
    {INT8ARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID,
     INT2ARRAYOID, INT2ARRAYOID, INT2ARRAYOID, CHARARRAYOID, TEXTARRAYOID, TEXTARRAYOID, JSONBARRAYOID,
     JSONBARRAYOID, TEXTARRAYOID, TEXTARRAYOID, JSONBARRAYOID, JSONBARRAYOID, INT4OID}};

constinit pg::Statement g_dead_letter{
    "dead_letter",
    "INSERT INTO foreman.dead_letter (job_id, discarded_at, run_at, enqueued_at, started_at, priority, "
    "attempt, max_attempts, queue, kind, "
    "args, timeout_us, reason, tags, metadata, errors, worker_pid) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "
    "$9, $10, $11, $12, $13, $14, $15, "
    "$16, $17)",
    {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT2OID, INT2OID, INT2OID,
     TEXTOID, TEXTOID, JSONBOID, INT8OID, TEXTOID, TEXTARRAYOID, JSONBOID, JSONBOID, INT4OID}};

constinit pg::Statement g_put_back{
    "put_back",
    "INSERT INTO foreman.live_job (job_id, run_at, enqueued_at, priority, attempt, max_attempts, alone, "
    "queue, kind, args, timeout_us, "
    "expires_at, tags, metadata, errors) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, "
    "$14, $15)",
    {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT2OID, INT2OID, INT2OID, INT2OID, TEXTOID, TEXTOID, JSONBOID,
     INT8OID, TIMESTAMPTZOID, TEXTARRAYOID, JSONBOID, JSONBOID}};

constinit pg::Statement g_append_error{
    "append_error",
    "SELECT COALESCE($1, '[]'::pg_catalog.jsonb) " CAT
    " pg_catalog.jsonb_build_array(pg_catalog.jsonb_strip_nulls("
    "pg_catalog.jsonb_build_object('at', $2, 'attempt', $3, 'sqlstate', $4, 'message', $5, 'detail', $6, "
    "'hint', $7, 'context', $8)))",
    {JSONBOID, TIMESTAMPTZOID, INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}};

constinit pg::Statement g_drop_oldest{"drop_oldest_error", "SELECT $1 " MINUS " 0", {JSONBOID}};
constinit pg::Statement g_count_errors{
    "count_errors", "SELECT pg_catalog.jsonb_array_length($1)", {JSONBOID}};

constexpr std::size_t kMaxErrorText = 8192;

// One column of a group as an array parameter.
class Column {
  public:
    Column(std::size_t n, pg::ContextResource* memory)
        : values_(n, Datum{0}, memory), nulls_(n, true, memory) {}
    void set(std::size_t i, Datum value) {
        values_[i] = value;
        nulls_[i] = false;
    }
    void set(std::size_t i, std::optional<Datum> value) {
        if (value) set(i, *value);
    }
    Datum array(pg::ElementType type) const {
        return pg::array_datum(type, {values_.data(), values_.size()}, nulls_.data());
    }

  private:
    pg::vector<Datum> values_;
    pg::vector<bool> nulls_;
};

std::optional<Datum> reason_datum(std::string_view reason) {
    if (reason.empty()) return std::nullopt;
    return pg::text_datum(core::truncate_utf8(reason, kMaxErrorText));
}

// text[] has no array type of its own: it travels as text.
std::optional<Datum> tags_text(std::optional<Datum> tags) {
    if (!tags) return std::nullopt;
    char* out = pg::guarded([&] { return OidOutputFunctionCall(F_ARRAY_OUT, *tags); });
    return pg::text_datum(out);
}

bool keeps_args(const Job& job, const Queue& queue) {
    return static_cast<int64>(pg::datum_bytes(job.args)) <= queue.keep_args;
}

void write_history(std::span<const Ended* const> rows, pg::ContextResource* memory) {
    const std::size_t n = rows.size();
    std::array<Column, 17> c{Column(n, memory), Column(n, memory), Column(n, memory), Column(n, memory),
                             Column(n, memory), Column(n, memory), Column(n, memory), Column(n, memory),
                             Column(n, memory), Column(n, memory), Column(n, memory), Column(n, memory),
                             Column(n, memory), Column(n, memory), Column(n, memory), Column(n, memory),
                             Column(n, memory)};
    std::string_view last_queue;
    std::string_view last_kind;
    Datum queue = 0;
    Datum kind = 0;
    const Queue* settings = nullptr;
    for (std::size_t i = 0; i < n; i++) {
        const Ended& e = *rows[i];
        const Job& j = *e.job;
        if (settings == nullptr || j.queue != last_queue) {
            settings = &find_queue(j.queue);
            queue = pg::text_datum(j.queue);
            last_queue = j.queue;
        }
        if (kind == 0 || j.kind != last_kind) {
            kind = pg::text_datum(j.kind);
            last_kind = j.kind;
        }
        c[0].set(i, Int64GetDatum(j.job_id));
        c[1].set(i, pg::to_datum(e.finished_at));
        c[2].set(i, pg::to_datum(j.run_at));
        c[3].set(i, pg::to_datum(j.enqueued_at));
        if (e.started_at) c[4].set(i, pg::to_datum(*e.started_at));
        c[5].set(i, Int16GetDatum(j.priority));
        c[6].set(i, Int16GetDatum(e.attempt));
        c[7].set(i, Int16GetDatum(j.max_attempts));
        c[8].set(i, CharGetDatum(e.next == core::Next::complete ? 'c' : 'x'));
        c[9].set(i, queue);
        c[10].set(i, kind);
        if (keeps_args(j, *settings)) c[11].set(i, j.args);
        c[12].set(i, e.result);
        c[13].set(i, reason_datum(e.reason));
        c[14].set(i, tags_text(j.tags));
        c[15].set(i, j.metadata);
        c[16].set(i, e.errors);
    }
    constexpr std::array<pg::ElementType, 17> kTypes{
        pg::kInt8,  pg::kTimestamptz, pg::kTimestamptz, pg::kTimestamptz, pg::kTimestamptz, pg::kInt2,
        pg::kInt2,  pg::kInt2,        pg::kChar,        pg::kText,        pg::kText,        pg::kJsonb,
        pg::kJsonb, pg::kText,        pg::kText,        pg::kJsonb,       pg::kJsonb};
    pg::Args<18> a;
    for (int k = 0; k < 17; k++)
        a.set(k + 1, c[static_cast<std::size_t>(k)].array(kTypes[static_cast<std::size_t>(k)]));
    a.i32(18, MyProcPid);
    g_history.execute(a);
}

void write_dead_letter(const Ended& e) {
    const Job& j = *e.job;
    pg::Args<17> a;
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
    g_dead_letter.execute(a);
}

QueueDelta delta_of(core::Next next) {
    QueueDelta d;
    d.live = -1;
    d.completed = next == core::Next::complete ? 1 : 0;
    d.cancelled = next == core::Next::cancel ? 1 : 0;
    d.discarded = next == core::Next::discard ? 1 : 0;
    return d;
}

// Counters and waiters; neighbours of one queue are one note.
void remember_ended(std::span<const Ended> ended) {
    std::size_t i = 0;
    while (i < ended.size()) {
        const std::string_view queue = ended[i].job->queue;
        QueueDelta sum;
        for (; i < ended.size() && ended[i].job->queue == queue; i++) {
            const QueueDelta d = delta_of(ended[i].next);
            sum.live += d.live;
            sum.completed += d.completed;
            sum.cancelled += d.cancelled;
            sum.discarded += d.discarded;
            remember_end(ended[i].job->job_id);
        }
        remember_counts(queue, sum);
    }
}

void set_text(pg::Args<8>* a, int number, const char* text) {
    if (text != nullptr && *text != '\0') a->text(number, core::truncate_utf8(text, kMaxErrorText));
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
    if (!history.empty()) write_history({history.data(), history.size()}, &memory);
    remember_ended(ended);
}

void put_back(const Job& job, int16 attempt, int16 alone, Instant run_at, std::optional<Datum> errors) {
    const AsOwner scope;
    pg::Args<15> a;
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
    g_put_back.execute(a);
    remember_work(job.queue, job.kind, job.priority, alone, role_of(job.kind), {run_at.us, job.job_id});
    if (job.expires_at) remember_expiry(*job.expires_at);
    if (attempt > job.attempt) {
        QueueDelta failed;
        failed.failed = 1;
        remember_counts(job.queue, failed);
    }
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
    pg::Args<8> a;
    if (errors) a.set(1, kept);
    a.instant(2, error.at).i32(3, error.attempt);
    set_text(&a, 4, error.sqlstate);
    set_text(&a, 5, error.message);
    set_text(&a, 6, error.detail);
    set_text(&a, 7, error.hint);
    set_text(&a, 8, error.context);
    const pg::Rows rows = g_append_error.execute(a);
    const Datum value = rows[0].datum(1);
    return pg::guarded([&] {
        const MemoryContext old = MemoryContextSwitchTo(context);
        const Datum copy = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
        MemoryContextSwitchTo(old);
        return copy;
    });
}

}  // namespace foreman::store
