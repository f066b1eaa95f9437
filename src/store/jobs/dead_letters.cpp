// See dead_letters.hpp.
#include "store/jobs/dead_letters.hpp"

#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/jobs/job_columns.hpp"

namespace foreman::store {

namespace {

constinit pg::Statement g_dead_letters{
    "dead_letters",
    "SELECT job_id, kind, queue, args, attempt::pg_catalog.int4, max_attempts::pg_catalog.int4, enqueued_at, "
    "discarded_at, reason, errors, tags, "
    "metadata FROM foreman.dead_letter WHERE ($1 IS NULL OR kind " EQ " $1) AND ($2 IS NULL OR queue " EQ
    " $2) AND ($3 IS NULL OR discarded_at " GE " $3) AND ($4 IS NULL OR job_id " LT
    " $4) ORDER BY job_id DESC LIMIT $5",
    {TEXTOID, TEXTOID, TIMESTAMPTZOID, INT8OID, INT8OID}};

constinit pg::Statement g_count_dead{
    "count_dead_letters",
    "SELECT pg_catalog.count(*) FROM foreman.dead_letter WHERE ($1 IS NULL OR kind " EQ
    " $1) AND ($2 IS NULL OR queue " EQ " $2)",
    {TEXTOID, TEXTOID}};

constinit pg::Statement g_dead_ids{"dead_ids",
                                   "SELECT job_id FROM foreman.dead_letter WHERE ($1 IS NULL OR kind " EQ
                                   " $1) AND ($2 IS NULL OR queue " EQ " $2) ORDER BY job_id LIMIT $3",
                                   {TEXTOID, TEXTOID, INT8OID}};

constinit pg::Statement g_purge_dead{"purge_dead_letters",
                                     "DELETE FROM foreman.dead_letter WHERE ($1 IS NULL OR kind " EQ
                                     " $1) AND ($2 IS NULL OR queue " EQ " $2) AND discarded_at " LE " $3",
                                     {TEXTOID, TEXTOID, TIMESTAMPTZOID}};

constinit pg::Statement g_timer_dead_letters{
    "timer_dead_letters",
    "SELECT job_id, kind, unique_key, queue, args, run_at, attempt::pg_catalog.int4, "
    "max_attempts::pg_catalog.int4, discarded_at, reason, errors, tags, metadata FROM foreman.dead_letter "
    "WHERE " IS_TIMER " AND ($1 IS NULL OR kind " EQ " $1) AND ($2 IS NULL OR queue " EQ
    " $2) AND ($3 IS NULL OR discarded_at " GE " $3) AND ($4 IS NULL OR job_id " LT
    " $4) ORDER BY job_id DESC LIMIT $5",
    {TEXTOID, TEXTOID, TIMESTAMPTZOID, INT8OID, INT8OID}};

constinit pg::Statement g_count_dead_timers{
    "count_timer_dead_letters",
    "SELECT pg_catalog.count(*) FROM foreman.dead_letter WHERE " IS_TIMER " AND ($1 IS NULL OR kind " EQ
    " $1) AND ($2 IS NULL OR queue " EQ " $2)",
    {TEXTOID, TEXTOID}};

constinit pg::Statement g_is_dead_timer{
    "is_dead_timer", "SELECT 1 FROM foreman.dead_letter WHERE job_id " EQ " $1 AND " IS_TIMER, {INT8OID}};

template <int N>
void set_names(pg::Args<N>* a, const DeadLetterFilter& f) {
    if (f.kind) a->text(1, *f.kind);
    if (f.queue) a->text(2, *f.queue);
}

pg::Rows read(pg::Statement& letters, const DeadLetterFilter& f) {
    pg::Args<5> a;
    set_names(&a, f);
    if (f.since) a.instant(3, *f.since);
    if (f.before_id) a.i64(4, *f.before_id);
    a.i64(5, f.max_rows);
    return letters.execute(a);
}

int64 count(pg::Statement& letters, const DeadLetterFilter& f) {
    const AsOwner scope;
    pg::Args<2> a;
    set_names(&a, f);
    return letters.execute(a)[0].i64(1);
}

}  // namespace

pg::Rows read_dead_letters(const DeadLetterFilter& f) { return read(g_dead_letters, f); }

pg::Rows read_timer_dead_letters(const DeadLetterFilter& f) { return read(g_timer_dead_letters, f); }

int64 count_dead(const DeadLetterFilter& f) { return count(g_count_dead, f); }

int64 count_dead_timers(const DeadLetterFilter& f) { return count(g_count_dead_timers, f); }

void dead_ids(const DeadLetterFilter& f, pg::vector<int64>* ids) {
    const AsOwner scope;
    pg::Args<3> a;
    set_names(&a, f);
    a.i64(3, f.max_rows);
    for (const pg::Row row : g_dead_ids.execute(a)) ids->push_back(row.i64(1));
}

int64 purge_dead(const DeadLetterFilter& f, core::Instant before) {
    const AsOwner scope;
    pg::Args<3> a;
    set_names(&a, f);
    a.instant(3, before);
    return static_cast<int64>(g_purge_dead.execute(a).processed());
}

bool is_dead_timer(int64 job_id) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, job_id);
    return !g_is_dead_timer.execute(a).empty();
}

}  // namespace foreman::store
