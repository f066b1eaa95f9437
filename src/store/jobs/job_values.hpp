// A job as parameters of INSERTs whose columns are those of store/jobs/job_columns.hpp.
#pragma once

#include "pg/spi.hpp"
#include "store/db/sql_text.hpp"
#include "store/jobs/job_columns.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::store {

/// "INSERT INTO foreman.TABLE (COLUMNS) VALUES ($1, ...)"
constexpr SqlText insert_text(std::string_view table, std::string_view columns, int count) {
    return SqlText()
        .add("INSERT INTO foreman.")
        .add(table)
        .add(" (")
        .add(columns)
        .add(") VALUES (")
        .parameters(count)
        .add(")");
}

template <class Column, int N>
void set_keys(pg::Args<N>* a, std::string_view unique_key, core::UniqueAs unique_as,
              std::string_view concurrency_key, std::string_view sequence_key) {
    if (unique_as != core::UniqueAs::none)
        a->text(Column::unique_key, unique_key).letter(Column::unique_as, unique_as);
    if (!concurrency_key.empty()) a->text(Column::concurrency_key, concurrency_key);
    if (!sequence_key.empty()) a->text(Column::sequence_key, sequence_key);
}

/// What every table has, but for the errors and attempts.
template <class Column, int N>
void set_job(pg::Args<N>* a, const Job& j) {
    a->i64(Column::job_id, j.job_id).instant(Column::run_at, j.run_at);
    a->instant(Column::enqueued_at, j.enqueued_at).i16(Column::priority, j.priority);
    a->i16(Column::max_attempts, j.max_attempts).text(Column::queue, j.queue).text(Column::kind, j.kind);
    a->set(Column::args, j.args);
    if (j.tags) a->set(Column::tags, *j.tags);
    if (j.metadata) a->set(Column::metadata, *j.metadata);
    if (j.batch_id != 0) a->i64(Column::batch_id, j.batch_id);
    if (j.origin != core::Origin::none)
        a->letter(Column::origin, j.origin).i64(Column::origin_id, j.origin_id);
    if (j.timeout_us >= 0) a->i64(Column::timeout_us, j.timeout_us);
    set_keys<Column>(a, j.unique_key, j.unique_as, j.concurrency_key, j.sequence_key);
}

/// The first kNewColumns of a job that begins, but for its id and its args.
template <int N>
void set_new_job(pg::Args<N>* a, const NewJob& j) {
    using Column = LiveColumn;
    a->instant(Column::run_at, j.run_at).instant(Column::enqueued_at, pg::clock_now());
    a->i16(Column::priority, j.priority).i16(Column::max_attempts, j.max_attempts);
    a->text(Column::queue, j.queue).text(Column::kind, j.kind).i16(Column::alone, j.alone());
    if (j.tags) a->set(Column::tags, *j.tags);
    if (j.metadata) a->set(Column::metadata, *j.metadata);
    if (j.batch_id != 0) a->i64(Column::batch_id, j.batch_id);
    if (j.origin != core::Origin::none)
        a->letter(Column::origin, j.origin).i64(Column::origin_id, j.origin_id);
    if (j.timeout_us) a->i64(Column::timeout_us, *j.timeout_us);
    if (j.expires_at) a->instant(Column::expires_at, *j.expires_at);
}

}  // namespace foreman::store
