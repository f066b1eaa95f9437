// See newest.hpp.
//
// Each table is walked backwards by id in steps that grow. A rare kind would walk all of history: that walk
// stops after kWalked rows, and the rest is asked of the BRIN index, which costs an insert next to nothing
// and knows for every 16 blocks which kinds, queues and outcomes they can hold. Of jobs that wait, a queue or a
// kind that others' newer jobs hide is asked of the index that claims use: it has no order by id, so that all
// of its entries are looked at, unless they are too many.
#include "store/upkeep/newest.hpp"

#include <algorithm>

#include "board/slots.hpp"
#include "board/unwritten_leases.hpp"
#include "core/job_state.hpp"
#include "pg/datum.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/access.hpp"

namespace foreman::store {

using core::StoredState;

namespace {

constexpr int64 kSteps[] = {200, 800, 4000, 16000, 64000};
constexpr int64 kWalked = 85000;   // the sum of kSteps
constexpr int kFewSteps = 3;       // of kSteps, before the index of claims is asked
constexpr int64 kLooked = 100000;  // so many of its entries are looked at
constexpr core::Micros kFirstWindow = core::milliseconds(100);
constexpr core::Micros kLastWindow = core::days(36525);
constexpr int kWindowGrowth = 8;

// $1 kind, $2 queues, $3 ids below this one, $4 how many rows are walked, $5 what the table calls the state.
#define FITS "($1 IS NULL OR kind " EQ " $1) AND ($2 IS NULL OR queue " EQ " ANY ($2))"
#define WALK(table, fits)                                                                                   \
    "SELECT pg_catalog.min(job_id), pg_catalog.count(*), pg_catalog.array_agg(job_id) FILTER (WHERE fits) " \
    "FROM (SELECT job_id, " FITS " AND " fits " AS fits FROM foreman." table " WHERE job_id " LT            \
    " $3 ORDER BY job_id DESC LIMIT $4) s"
#define WALK_TYPES \
    { TEXTOID, TEXTARRAYOID, INT8OID, INT8OID, CHAROID }

constinit pg::Statement g_walk_history{"walk_history",
                                       WALK("job_history", "($5 IS NULL OR outcome " EQ " $5)"), WALK_TYPES};
constinit pg::Statement g_walk_dead{"walk_dead", WALK("dead_letter", "$5 IS NULL"), WALK_TYPES};
// $5 is a state that the row of a waiting job has; $6 is now, $7 what executors run.
constinit pg::Statement g_walk_live{
    "walk_live",
    "SELECT pg_catalog.min(job_id), pg_catalog.count(*), pg_catalog.array_agg(job_id) FILTER (WHERE fits) "
    "FROM (SELECT job_id, " FITS " AND ($5 IS NULL OR $5 " EQ " foreman._state_name(state, job_id " EQ
    " ANY ($7), attempt " GT " 0, run_at " LE " $6)) AS fits FROM foreman.live_job WHERE job_id " LT
    " $3 ORDER BY job_id DESC LIMIT $4) s",
    {TEXTOID, TEXTARRAYOID, INT8OID, INT8OID, TEXTOID, TIMESTAMPTZOID, INT8ARRAYOID}};

// Entries of the index of claims: of the queues and the kind, due after $6 and until $8. What comes before
// run_at in it are the ranges r, each of which is found by one step in the index; 2000 of them at most. $4: how
// many entries at most, $5: only those that never failed and that no executor runs, which are $7.
constinit pg::Statement g_look{
    "look_live",
    "WITH RECURSIVE r AS ((SELECT queue, kind, priority, alone, 1 AS nth FROM foreman.live_job WHERE "
    "state " EQ
    " 'w' ORDER BY queue, kind, priority, alone LIMIT 1) UNION ALL SELECT l.queue, l.kind, l.priority, "
    "l.alone, "
    "r.nth " PLUS
    " 1 FROM r CROSS JOIN LATERAL (SELECT n.queue, n.kind, n.priority, n.alone FROM "
    "foreman.live_job n WHERE n.state " EQ " 'w' AND (n.queue, n.kind, n.priority, n.alone) " GT
    " (r.queue, r.kind, r.priority, r.alone) ORDER BY n.queue, n.kind, n.priority, n.alone LIMIT 1) l WHERE "
    "r.nth " LT " 2000) SELECT pg_catalog.count(*), pg_catalog.array_agg(s.job_id) FILTER (WHERE s.job_id " LT
    " $3 AND (NOT $5 OR s.attempt " EQ " 0 AND NOT s.job_id " EQ
    " ANY ($7))), (SELECT pg_catalog.max(r.nth) FROM r) FROM (SELECT l.job_id, l.attempt FROM r CROSS JOIN "
    "LATERAL (SELECT w.job_id, w.attempt FROM foreman.live_job w WHERE w.state " EQ " 'w' AND w.queue " EQ
    " r.queue AND w.kind " EQ " r.kind AND w.priority " EQ " r.priority AND w.alone " EQ
    " r.alone AND w.run_at " GT " $6 AND w.run_at " LE " $8 OFFSET 0) l WHERE ($1 IS NULL OR r.kind " EQ
    " $1) AND ($2 IS NULL OR r.queue " EQ " ANY ($2)) LIMIT $4) s",
    {TEXTOID, TEXTARRAYOID, INT8OID, INT8OID, BOOLOID, TIMESTAMPTZOID, INT8ARRAYOID, TIMESTAMPTZOID}};
constexpr int kMostRanges = 2000;

// A job that failed before.
constinit pg::Statement g_retryable{"newest_retryable",
                                    "SELECT job_id FROM foreman.live_job WHERE attempt " GT " 0 AND " FITS
                                    " AND job_id " LT " $3 AND foreman._state_name(state, job_id " EQ
                                    " ANY ($5), true, false) " EQ
                                    " 'retryable' ORDER BY job_id DESC LIMIT $4",
                                    {TEXTOID, TEXTARRAYOID, INT8OID, INT8OID, INT8ARRAYOID}};

// What narrows history down, as bits: a statement each, since a plan uses the BRIN index for a condition only
// where that cannot be NULL.
constexpr unsigned kByKind = 1, kByQueues = 2, kByOutcome = 4;
#define BY_KIND " AND kind " EQ " $1"
#define BY_QUEUES " AND queue " EQ " ANY ($2)"
#define BY_OUTCOME " AND outcome " EQ " $5"

// Beyond the walk, which ends only where something narrows it down. No index on job_id can serve these.
#define REST(conditions)                                                                            \
    {                                                                                               \
        "newest_rest",                                                                              \
            "SELECT job_id FROM foreman.job_history WHERE job_id " PLUS " 0 " LT " $3" conditions   \
            " AND ($1 IS NULL OR true) AND ($2 IS NULL OR true) AND ($5 IS NULL OR true) ORDER BY " \
            "job_id " PLUS " 0 DESC LIMIT $4",                                                      \
            WALK_TYPES                                                                              \
    }
constinit pg::Statement g_rest[] = {REST(BY_KIND),
                                    REST(BY_QUEUES),
                                    REST(BY_KIND BY_QUEUES),
                                    REST(BY_OUTCOME),
                                    REST(BY_KIND BY_OUTCOME),
                                    REST(BY_QUEUES BY_OUTCOME),
                                    REST(BY_KIND BY_QUEUES BY_OUTCOME)};

constinit pg::Statement g_held{"newest_held",
                               "SELECT job_id FROM foreman.live_job WHERE state " EQ " 'r' AND " FITS
                               " AND job_id " LT " $3 ORDER BY job_id DESC LIMIT $4",
                               {TEXTOID, TEXTARRAYOID, INT8OID, INT8OID}};
constinit pg::Statement g_run_by_executors{"newest_run_by_executors",
                                           "SELECT job_id FROM foreman.live_job WHERE job_id " EQ
                                           " ANY ($5) AND " FITS " AND job_id " LT
                                           " $3 ORDER BY job_id DESC LIMIT $4",
                                           {TEXTOID, TEXTARRAYOID, INT8OID, INT8OID, INT8ARRAYOID}};
// By the index of what waits for others: by job_id the whole table would be walked.
// By the index of what waits for others: in the order of job_id the whole table would be walked.
constinit pg::Statement g_pending{"newest_pending",
                                  "SELECT job_id FROM foreman.live_job WHERE state " EQ " 'b' AND " FITS
                                  " AND job_id " PLUS " 0 " LT " $3 ORDER BY job_id " PLUS " 0 DESC LIMIT $4",
                                  {TEXTOID, TEXTARRAYOID, INT8OID, INT8OID}};

constinit pg::Statement g_runs{
    "newest_runs",
    "SELECT run_id FROM foreman.schedule_run WHERE $1 IS NULL AND ($2 IS NULL OR queue " EQ
    " ANY ($2)) AND run_id " LT " $3 ORDER BY run_id DESC LIMIT $4",
    {TEXTOID, TEXTARRAYOID, INT8OID, INT8OID}};
// The comparison of rows makes it walk the index on (name, run_id).
constinit pg::Statement g_runs_of{"newest_runs_of",
                                  "SELECT run_id FROM foreman.schedule_run WHERE name " GE
                                  " $1 AND (name, run_id) " LT " ($1, $3) AND ($2 IS NULL OR queue " EQ
                                  " ANY ($2)) ORDER BY name DESC, run_id DESC LIMIT $4",
                                  {TEXTOID, TEXTARRAYOID, INT8OID, INT8OID}};

constinit pg::Statement g_newest_end{"newest_end",
                                     "SELECT pg_catalog.max(finished_at) FROM (SELECT finished_at FROM "
                                     "foreman.job_history ORDER BY job_id DESC "
                                     "LIMIT 1000) s"};
#define ENDED(conditions)                                                                            \
    {                                                                                                \
        "newest_ended",                                                                              \
            "SELECT job_id FROM foreman.job_history WHERE finished_at " GE " $3" conditions          \
            " AND ($1 IS NULL OR true) AND ($2 IS NULL OR true) ORDER BY finished_at DESC LIMIT $4", \
        {                                                                                            \
            TEXTOID, TEXTARRAYOID, TIMESTAMPTZOID, INT8OID                                           \
        }                                                                                            \
    }
constinit pg::Statement g_ended[] = {ENDED(""), ENDED(BY_KIND), ENDED(BY_QUEUES), ENDED(BY_KIND BY_QUEUES)};
constinit pg::Statement g_any_ended_before{"any_ended_before",
                                           "SELECT 1 FROM foreman.job_history WHERE finished_at " LT
                                           " $1 LIMIT 1",
                                           {TIMESTAMPTZOID}};
constinit pg::Statement g_discarded{"newest_discarded",
                                    "SELECT job_id FROM foreman.dead_letter WHERE " FITS
                                    " ORDER BY discarded_at DESC LIMIT $3",
                                    {TEXTOID, TEXTARRAYOID, INT8OID}};
constinit pg::Statement g_failed{
    "newest_failed",
    "SELECT job_id FROM (SELECT job_id, errors FROM foreman.live_job WHERE attempt " GT " 0 AND " FITS
    " ORDER BY job_id DESC LIMIT 10000) s ORDER BY (errors OPERATOR(pg_catalog.->) (-1) "
    "OPERATOR(pg_catalog.->>) 'at')::pg_catalog.timestamptz DESC NULLS LAST LIMIT $3",
    {TEXTOID, TEXTARRAYOID, INT8OID}};

// Who asks: asked before our statements run as the owner.
struct Scope {
    std::optional<Datum> queues;  // text[]; none: all
    bool nothing = false;

    explicit Scope(const NewestFilter& f) {
        if (f.queue) {
            nothing = !may_see(*f.queue);
            const Datum only = pg::text_datum(*f.queue);
            queues = pg::array_datum(pg::kText, {&only, 1});
            return;
        }
        if (sees_all()) return;
        pg::ContextResource memory(CurrentMemoryContext);
        pg::vector<Datum> seen(&memory);
        seen_queues(&seen);
        queues = pg::array_datum(pg::kText, {seen.data(), seen.size()});
        nothing = seen.empty();
    }
};

template <int N>
void set_filter(pg::Args<N>* a, const NewestFilter& f, const Scope& scope) {
    if (f.kind) a->text(1, *f.kind);
    if (scope.queues) a->set(2, *scope.queues);
}

template <int N>
void take(pg::Statement& statement, const pg::Args<N>& a, pg::vector<int64>* ids) {
    for (const pg::Row row : statement.execute(a, true)) ids->push_back(row.i64(1));
}

// One table, walked from the newest id.
struct Walk {
    int64 below;
    int64 found = 0;
    bool ended = false;

    template <int N>
    void step(pg::Statement& statement, pg::Args<N>& a, int64 rows, pg::vector<int64>* ids) {
        a.i64(3, below).i64(4, rows);
        const pg::Rows result = statement.execute(a, true);
        const pg::Row row = result[0];
        ended = row.i64(2) < rows;
        if (!row.is_null(1)) below = row.i64(1);
        if (row.is_null(3)) return;
        const pg::Elements hits = pg::array_elements(row.datum(3), pg::kInt8);
        for (int i = 0; i < hits.count; i++) ids->push_back(DatumGetInt64(hits.values[i]));
        found += hits.count;
    }
};

template <int N>
void walk_steps(Walk* w, pg::Statement& statement, pg::Args<N>& a, const NewestFilter& f,
                std::span<const int64> steps, pg::vector<int64>* ids) {
    for (const int64 rows : steps) {
        if (w->ended || w->found >= f.max_rows) return;
        w->step(statement, a, rows, ids);
    }
}

template <int N>
Walk walk(pg::Statement& statement, pg::Args<N> a, const NewestFilter& f, bool to_the_end,
          pg::vector<int64>* ids) {
    Walk w{f.before_id};
    walk_steps(&w, statement, a, f, kSteps, ids);
    while (to_the_end && !w.ended && w.found < f.max_rows) w.step(statement, a, kWalked, ids);
    return w;
}

// Only bitmap scans, and sorts: the way of the BRIN index. ~AsOwner gives the settings back.
void use_brin() noexcept {
    enable_indexscan = false;
    enable_indexonlyscan = false;
    enable_bitmapscan = true;
    enable_sort = true;
}

unsigned narrowed_by(const NewestFilter& f, const Scope& scope) noexcept {
    return (f.kind ? kByKind : 0) | (scope.queues ? kByQueues : 0);
}

void history(const NewestFilter& f, const Scope& scope, std::optional<StoredState> outcome,
             pg::vector<int64>* ids) {
    const AsOwner owner;
    pg::Args<5> a;
    set_filter(&a, f, scope);
    if (outcome) a.letter(5, *outcome);
    const unsigned by = narrowed_by(f, scope) | (outcome ? kByOutcome : 0);
    const Walk w = walk(g_walk_history, a, f, by == 0, ids);
    if (w.ended || w.found >= f.max_rows) return;
    use_brin();
    a.i64(3, w.below).i64(4, f.max_rows - w.found);
    take(g_rest[by - 1], a, ids);
}

void dead(const NewestFilter& f, const Scope& scope, pg::vector<int64>* ids) {
    const AsOwner owner;
    pg::Args<5> a;
    set_filter(&a, f, scope);
    walk(g_walk_dead, a, f, true, ids);
}

Datum executors_jobs() {
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<int64> running(&memory);
    board::jobs_held_on_board(&running);
    return pg::int8_array({running.data(), running.size()});
}

void running(const NewestFilter& f, const Scope& scope, pg::vector<int64>* ids) {
    const AsOwner owner;
    pg::Args<4> a;
    set_filter(&a, f, scope);
    a.i64(3, f.before_id).i64(4, f.max_rows);
    take(g_held, a, ids);
    pg::Args<5> b;
    set_filter(&b, f, scope);
    b.i64(3, f.before_id).i64(4, f.max_rows).set(5, executors_jobs());
    take(g_run_by_executors, b, ids);
}

void pending(const NewestFilter& f, const Scope& scope, pg::vector<int64>* ids) {
    const AsOwner owner;
    pg::Args<4> a;
    set_filter(&a, f, scope);
    a.i64(3, f.before_id).i64(4, f.max_rows);
    take(g_pending, a, ids);
}

// All that wait in the queues and are of the kind; false: they are too many, or nothing narrows them down.
bool look(const NewestFilter& f, const Scope& scope, std::optional<std::string_view> state,
          pg::vector<int64>* ids) {
    const bool later = state == "scheduled";
    if (!scope.queues && !f.kind && !later) return false;
    pg::Args<8> a;
    set_filter(&a, f, scope);
    a.i64(3, f.before_id).i64(4, kLooked + 1).boolean(5, state.has_value()).set(7, executors_jobs());
    a.instant(6, later ? now() : core::kMinusInfinity);
    a.instant(8, state == "available" ? now() : core::kPlusInfinity);
    const pg::Rows rows = g_look.execute(a, true);
    if (rows[0].i64(1) > kLooked || (!rows[0].is_null(3) && rows[0].i32(3) >= kMostRanges)) return false;
    if (rows[0].is_null(2)) return true;
    const pg::Elements found = pg::array_elements(rows[0].datum(2), pg::kInt8);
    for (int i = 0; i < found.count; i++) ids->push_back(DatumGetInt64(found.values[i]));
    return true;
}

// state: none, or one that the row of a waiting job has.
void live(const NewestFilter& f, const Scope& scope, std::optional<std::string_view> state,
          pg::vector<int64>* ids) {
    bool looked = false;
    {
        const AsOwner owner;
        pg::Args<7> a;
        set_filter(&a, f, scope);
        if (state) a.text(5, *state);
        a.instant(6, now()).set(7, executors_jobs());
        Walk w{f.before_id};
        walk_steps(&w, g_walk_live, a, f, {kSteps, kFewSteps}, ids);
        if (!w.ended && w.found < f.max_rows) looked = look(f, scope, state, ids);
        while (!looked && !w.ended && w.found < f.max_rows) w.step(g_walk_live, a, kWalked, ids);
    }
    if (!looked || state) return;
    running(f, scope, ids);
    pending(f, scope, ids);
}

void retryable(const NewestFilter& f, const Scope& scope, pg::vector<int64>* ids) {
    const AsOwner owner;
    pg::Args<5> a;
    set_filter(&a, f, scope);
    a.i64(3, f.before_id).i64(4, f.max_rows).set(5, executors_jobs());
    take(g_retryable, a, ids);
}

// Of the times back from about the newest end, the shortest with enough jobs: each is eight times as long as
// the one before.
void ended(const NewestFilter& f, const Scope& scope, pg::vector<int64>* ids) {
    const AsOwner owner;
    core::Instant from;
    {
        const pg::Rows newest = g_newest_end.execute(true);
        if (newest[0].is_null(1)) return;
        from = newest[0].instant(1);
    }
    use_brin();
    pg::Statement& statement = g_ended[narrowed_by(f, scope)];
    const std::size_t before = ids->size();
    for (core::Micros window = kFirstWindow;; window = core::Micros{window.us * kWindowGrowth}) {
        ids->resize(before);
        pg::Args<4> a;
        set_filter(&a, f, scope);
        a.instant(3, from - window).i64(4, f.max_rows);
        take(statement, a, ids);
        if (ids->size() - before >= static_cast<std::size_t>(f.max_rows) || window >= kLastWindow) return;
        pg::Args<1> any;
        any.instant(1, from - window);
        if (g_any_ended_before.execute(any, true, 1).empty()) return;
    }
}

void failed(const NewestFilter& f, const Scope& scope, pg::vector<int64>* ids) {
    const AsOwner owner;
    pg::Args<3> a;
    set_filter(&a, f, scope);
    a.i64(3, f.max_rows);
    take(g_discarded, a, ids);
    take(g_failed, a, ids);
}

// A walk takes whole steps: what is beyond the newest max_rows goes again.
void keep_newest(const NewestFilter& f, pg::vector<int64>* ids) {
    std::sort(ids->begin(), ids->end(), std::greater<>());
    ids->erase(std::unique(ids->begin(), ids->end()), ids->end());
    if (ids->size() > static_cast<std::size_t>(f.max_rows)) ids->resize(static_cast<std::size_t>(f.max_rows));
}

}  // namespace

void newest_jobs(const NewestFilter& f, pg::vector<int64>* ids) {
    const Scope scope(f);
    if (scope.nothing) return;
    if (!f.state) {
        live(f, scope, std::nullopt, ids);
        history(f, scope, std::nullopt, ids);
        dead(f, scope, ids);
    } else if (*f.state == "running") {
        running(f, scope, ids);
    } else if (*f.state == "pending") {
        pending(f, scope, ids);
    } else if (*f.state == "retryable") {
        retryable(f, scope, ids);
    } else if (*f.state == "available" || *f.state == "scheduled") {
        live(f, scope, f.state, ids);
    } else if (*f.state == "completed") {
        history(f, scope, StoredState::completed, ids);
    } else if (*f.state == "cancelled") {
        history(f, scope, StoredState::cancelled, ids);
    } else if (*f.state == "discarded") {
        dead(f, scope, ids);
    }
    keep_newest(f, ids);
}

void newest_runs(const NewestFilter& f, pg::vector<int64>* ids) {
    const Scope scope(f);
    if (scope.nothing) return;
    const AsOwner owner;
    pg::Args<4> a;
    set_filter(&a, f, scope);
    a.i64(3, f.before_id).i64(4, f.max_rows);
    take(f.kind ? g_runs_of : g_runs, a, ids);
}

void newest_active_jobs(const NewestFilter& f, pg::vector<int64>* ids) {
    const Scope scope(f);
    if (scope.nothing) return;
    newest_jobs(f, ids);
    running(f, scope, ids);
    ended(f, scope, ids);
    failed(f, scope, ids);
}

}  // namespace foreman::store
