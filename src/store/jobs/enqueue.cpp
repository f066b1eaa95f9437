// What enqueue inserts. Where nobody has added anything to the table, one row is appended without a statement, which
// costs two thirds of an INSERT; else it goes through one saved plan. An array goes through one INSERT .. SELECT over
// unnest.
#include <algorithm>

#include "pg/append.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/index_scan.hpp"
#include "store/commit/remember.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/jobs/enqueue_keyed.hpp"
#include "store/jobs/job_values.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::store {

namespace {

// state, attempt and what else a new job has in common with all others are defaults of the table.
constexpr SqlText kInsertText = insert_text("live_job", "job_id" NEW_COLUMNS(AND_NAME), kNewColumns);
constinit pg::Statement g_insert{"enqueue", kInsertText.c_str(), std::span(kLiveTypes).first(kNewColumns)};

// All columns of the table: those of LiveColumn, and those that a new job has no value for but its state.
constexpr const char* kNames[] = {"job_id" LIVE_COLUMNS(AND_TEXT),
                                  "state",
                                  "token",
                                  "claimed_at",
                                  "worker_pid",
                                  "worker",
                                  "lease_us",
                                  "blocked_on"};
constexpr Oid kTypes[] = {
    INT8OID LIVE_COLUMNS(AND_OID), CHAROID, UUIDOID, TIMESTAMPTZOID, INT4OID, TEXTOID, INT8OID, CHAROID};
constexpr int kColumns = static_cast<int>(std::size(kNames));
constexpr int kState = kJobColumns + 1;
static_assert(std::size(kTypes) == std::size(kNames));

struct Target {
    uint64 generation = 0;
    bool plain = false;  // its rows may be appended without a statement
    AttrNumber numbers[kColumns];
};
constinit Target g_target{};

// Whether a row may be appended. The lock brings the news of changes.
bool takes_plain_rows(Oid table) {
    pg::call<&LockRelationOid>(table, LOCKMODE{RowExclusiveLock});
    Target& t = g_target;
    if (t.generation == job_tables_generation()) return t.plain;
    t.plain = false;
    t.generation = job_tables_generation();
    // What was changed while this looked is looked at again by the next.
    const bool plain =
        pg::takes_plain_rows(table) && pg::find_columns(table, kNames, kTypes, t.numbers) == kColumns;
    t.plain = plain;
    return plain;
}

// The defaults of the table for what a new job has in common with all others.
void append(Oid table, const pg::Args<kNewColumns>& a) {
    Datum values[kColumns] = {};
    bool nulls[kColumns];
    std::fill_n(nulls, kColumns, true);
    const auto put = [&values, &nulls](int column, Datum value) {
        const int to = g_target.numbers[column - 1] - 1;
        values[to] = value;
        nulls[to] = false;
    };
    for (int i = 1; i <= kNewColumns; i++) {
        if (a.nulls()[i - 1] != 'n') put(i, a.values()[i - 1]);
    }
    for (const int zero : {LiveColumn::attempt, LiveColumn::crashes, LiveColumn::interruptions})
        put(zero, Int16GetDatum(0));
    put(kState, CharGetDatum(static_cast<char>(core::StoredState::claimable)));
    pg::append_rows(table, 1, values, nulls);
}

// The same with an array in the place of args; its id, $1, is not used.
constexpr SqlText kInsertArrayText =
    SqlText()
        .add("INSERT INTO foreman.live_job (job_id" NEW_COLUMNS(AND_NAME) ") SELECT ")
        .list(kNewColumns,
              [](SqlText& t, int i) {
                  if (i + 1 == LiveColumn::job_id) {
                      t.add("pg_catalog.nextval('foreman.job_id_seq')");
                  } else if (i + 1 == LiveColumn::args) {
                      t.add("u.a");
                  } else {
                      t.add("$").number(i + 1);
                  }
              })
        .add(" FROM pg_catalog.unnest($")
        .number(LiveColumn::args)
        .add(") AS u(a) RETURNING job_id");
constexpr std::array<Oid, kNewColumns> array_types() {
    std::array<Oid, kNewColumns> types{};
    std::copy_n(kLiveTypes.begin(), kNewColumns, types.begin());
    types[LiveColumn::args - 1] = JSONBARRAYOID;
    return types;
}
constexpr std::array<Oid, kNewColumns> kArrayTypes = array_types();
constinit pg::Statement g_insert_array{"enqueue_array", kInsertArrayText.c_str(), kArrayTypes};

}  // namespace

void remember_new(const NewJob& job, int64 first_id, int count) {
    remember_work(job.queue, job.kind, job.priority, job.alone(), job.role, {job.run_at.us, first_id}, count);
    board::QueueDelta delta;
    delta.live = delta.enqueued = count;
    remember_counts(job.queue, delta);
    if (job.expires_at) remember_expiry(*job.expires_at);
}

int64 next_job_id() { return pg::call<&nextval_internal>(schema().job_id_sequence, false); }

Inserted insert_job(const NewJob& job) {
    if (!job.is_plain()) return insert_keyed(job);
    const AsOwner scope;
    const int64 id = job.id != 0 ? job.id : pg::call<&nextval_internal>(schema().job_id_sequence, false);
    pg::Args<kNewColumns> a;
    set_new_job(&a, job);
    a.i64(LiveColumn::job_id, id).set(LiveColumn::args, job.args);
    const Oid table = schema().live_job;
    if (takes_plain_rows(table)) {
        append(table, a);
    } else {
        g_insert.execute(a);
    }
    remember_new(job, id, 1);
    return {id, true, false};
}

void insert_jobs(const NewJob& job, Datum args_array, pg::vector<int64>* ids) {
    const AsOwner scope;
    pg::Args<kNewColumns> a;
    set_new_job(&a, job);
    a.set(LiveColumn::args, args_array);
    const pg::Rows rows = g_insert_array.execute(a);
    ids->reserve(ids->size() + rows.size());
    for (const pg::Row row : rows) ids->push_back(row.i64(1));
    if (!rows.empty()) remember_new(job, rows[0].i64(1), static_cast<int>(rows.size()));
}

}  // namespace foreman::store
