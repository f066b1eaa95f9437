// INSERTs of enqueue. One row goes through one saved plan; an array goes through one INSERT .. SELECT over
// unnest.
#include <algorithm>

#include "pg/call.hpp"
#include "pg/datum.hpp"
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
    g_insert.execute(a);
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
