// Ends of jobs: history set-wise, dead letters and put-backs row by row, errors of attempts as jsonb.
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
#include "store/jobs/history.hpp"
#include "store/jobs/job_values.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::store {

using core::StoredState;

namespace {

constexpr SqlText kDeadText = insert_text("dead_letter", "job_id" DEAD_COLUMNS(AND_NAME), kDeadColumns);
constinit pg::Statement g_dead_letter{"dead_letter", kDeadText.c_str(), kDeadTypes};

constexpr SqlText kPutBackText = insert_text("live_job", JOB_COLUMNS, kJobColumns);
constinit pg::Statement g_put_back{"put_back", kPutBackText.c_str(), kLiveTypes};

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

void write_dead_letter(const Ended& e) {
    const Job& j = *e.job;
    using Column = DeadColumn;
    pg::Args<kDeadColumns> a;
    set_job<Column>(&a, j);
    a.i16(Column::attempt, e.attempt).instant(Column::discarded_at, e.finished_at);
    if (e.errors) a.set(Column::errors, *e.errors);
    if (e.started_at) a.instant(Column::started_at, *e.started_at);
    if (const auto reason = reason_datum(e.reason)) a.set(Column::reason, *reason);
    a.i32(Column::worker_pid, MyProcPid);
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
    if (!history.empty()) write_history({history.data(), history.size()});
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
        using Column = LiveColumn;
        pg::Args<kJobColumns> a;
        set_job<Column>(&a, job);
        a.instant(Column::run_at, run_at).i16(Column::attempt, attempt).i16(Column::alone, alone);
        if (errors) a.set(Column::errors, *errors);
        if (job.expires_at) a.instant(Column::expires_at, *job.expires_at);
        a.i16(Column::crashes, job.crashes).i16(Column::interruptions, interruptions);
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
            kept = pg::copy_varlena(rows[0].datum(1));
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
    return pg::copy_varlena(rows[0].datum(1), context);
}

}  // namespace foreman::store
