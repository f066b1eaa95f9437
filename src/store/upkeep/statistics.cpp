// See statistics.hpp.
#include "store/upkeep/statistics.hpp"

#include <algorithm>

#include "board/parts.hpp"
#include "board/unwritten_leases.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/spi.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/jobs/raise.hpp"

namespace foreman::store {

namespace {

constexpr int64 kSlice = 5000;
constexpr int64 kBlockedSlice = 500;
constexpr core::Micros kStep = core::milliseconds(5);

constinit pg::Statement g_insert{
    "insert_minute",
    "INSERT INTO foreman.minute_stat AS s (minute, queue, enqueued, completed, "
    "failed, discarded, cancelled, wait_p50, "
    "wait_p95, wait_p99, run_p50, run_p95, run_p99) VALUES ($1, $2, $3, $4, $5, "
    "$6, $7, $8, $9, $10, $11, $12, $13) "
    "ON CONFLICT ON CONSTRAINT minute_stat_pkey DO UPDATE SET "
    "enqueued = s.enqueued " PLUS " excluded.enqueued, completed = s.completed " PLUS
    " excluded.completed, failed = s.failed " PLUS " excluded.failed, discarded = s.discarded " PLUS
    " excluded.discarded, cancelled = s.cancelled " PLUS " excluded.cancelled",
    {TIMESTAMPTZOID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID,
     FLOAT8OID, FLOAT8OID, FLOAT8OID}};

// The hours before $1 that are not summed up yet. Minutes that come to an hour later, since the clock was set
// back, stay minutes only.
#define SUM(column) "pg_catalog.sum(s." column ")::pg_catalog.int8, "
#define HIGHEST(column) "pg_catalog.max(s." column ")"
constinit pg::Statement g_sum_hours{
    "sum_hours",
    "INSERT INTO foreman.hour_stat (hour, queue, enqueued, completed, failed, discarded, cancelled, wait_p50, "
    "wait_p95, wait_p99, run_p50, run_p95, run_p99) SELECT pg_catalog.date_bin('1 hour', s.minute, "
    "'2000-01-01 00:00:00+00'), s.queue, " SUM("enqueued") SUM("completed") SUM("failed") SUM("discarded")
        SUM("cancelled") HIGHEST("wait_p50") ", " HIGHEST("wait_p95") ", " HIGHEST("wait_p99") ", " HIGHEST(
            "run_p50") ", " HIGHEST("run_p95") ", " HIGHEST("run_p99") " FROM foreman.minute_stat s WHERE "
    "s.minute " LT " $1 AND s.minute " GE
    " COALESCE((SELECT pg_catalog.max(h.hour) " PLUS
    " '1 hour'::pg_catalog.interval FROM foreman.hour_stat h), '-infinity') GROUP BY 1, 2",
    {TIMESTAMPTZOID}};

// How many of the next so many keys behind one, and the last of them.
constinit pg::Statement g_count_later{
    "count_later",
    "SELECT pg_catalog.count(*), (pg_catalog.array_agg(k.run_at))[pg_catalog.count(*)], "
    "(pg_catalog.array_agg(k.job_id))[pg_catalog.count(*)] FROM (SELECT run_at, job_id FROM foreman.live_job "
    "WHERE "
    "queue " EQ " $1 AND kind " EQ " $2 AND priority " EQ " $3 AND alone " EQ " $4 AND state " EQ
    " 'w'::pg_catalog.\"char\" AND (run_at, job_id) " GT " ($5, $6) ORDER BY run_at, job_id LIMIT $7) k",
    {TEXTOID, TEXTOID, INT2OID, INT2OID, TIMESTAMPTZOID, INT8OID, INT8OID}};

constinit pg::Statement g_blocked{"count_blocked",
                                  "SELECT blocked_on, job_id, queue FROM foreman.live_job WHERE state " EQ
                                  " 'b'::pg_catalog.\"char\" AND (blocked_on, job_id) " GT
                                  " ($1, $2) ORDER BY blocked_on, job_id LIMIT $3",
                                  {CHAROID, INT8OID, INT8OID}};

constinit pg::Statement g_count_leased{
    "count_leased", "SELECT queue, pg_catalog.count(*) FROM foreman.live_job WHERE state " EQ
                    " 'r'::pg_catalog.\"char\" AND worker IS NOT NULL GROUP BY queue"};

int64 read(pg_atomic_uint64* counter) noexcept { return static_cast<int64>(pg_atomic_read_u64(counter)); }

void read_counts(pg_atomic_uint32* counters, core::Histogram* h) noexcept {
    for (int i = 0; i < core::kHistogramBuckets; i++) h->counts[i] = pg_atomic_read_u32(&counters[i]);
}

void copy_totals(uint32 index, QueueTotals* t) noexcept {
    board::QueueEntry& q = board::queue_entries()[index];
    board::set_name(&t->name, {q.name, q.name_len});
    t->enqueued = read(&q.enqueued);
    t->completed = read(&q.completed);
    t->failed = read(&q.failed);
    t->discarded = read(&q.discarded);
    t->cancelled = read(&q.cancelled);
    t->has_times = index < board::board().times_capacity;
    if (!t->has_times) return;
    board::QueueTimes& times = board::queue_times()[index];
    read_counts(times.wait, &t->times.wait);
    read_counts(times.run, &t->times.run);
    t->times.wait_us = read(&times.wait_us);
    t->times.run_us = read(&times.run_us);
}

// Counters wrap around, and the difference does not.
core::Histogram difference(const core::Histogram& now, const core::Histogram& before) noexcept {
    core::Histogram d;
    for (int i = 0; i < core::kHistogramBuckets; i++) d.counts[i] = now.counts[i] - before.counts[i];
    return d;
}

bool is_same(const QueueTotals& a, const QueueTotals& b) noexcept {
    return a.enqueued == b.enqueued && a.completed == b.completed && a.failed == b.failed &&
           a.discarded == b.discarded && a.cancelled == b.cancelled;
}

void set_percentiles(pg::Args<13>* a, int first, const core::Histogram& h) {
    if (std::all_of(std::begin(h.counts), std::end(h.counts), [](uint32 n) { return n == 0; })) return;
    const int percents[] = {50, 95, 99};
    for (int i = 0; i < 3; i++)
        a->f64(first + i, static_cast<double>(core::percentile(h, percents[i]).us) / 1000.0);
}

void insert_minute(core::Instant minute, const QueueTotals& now, const QueueTotals& before) {
    pg::Args<13> a;
    a.instant(1, minute).text(2, board::name_view(now.name));
    a.i64(3, now.enqueued - before.enqueued)
        .i64(4, now.completed - before.completed)
        .i64(5, now.failed - before.failed)
        .i64(6, now.discarded - before.discarded)
        .i64(7, now.cancelled - before.cancelled);
    if (now.has_times) {
        set_percentiles(&a, 8, difference(now.times.wait, before.times.wait));
        set_percentiles(&a, 11, difference(now.times.run, before.times.run));
    }
    g_insert.execute(a);
}

constexpr core::Instant end_of_minute_of(core::Instant t) noexcept {
    return core::Instant{t.us - t.us % USECS_PER_MINUTE + USECS_PER_MINUTE};
}

constexpr core::Instant start_of_hour_of(core::Instant t) noexcept {
    return core::Instant{t.us - t.us % USECS_PER_HOUR};
}

}  // namespace

int read_totals(Oid database, QueueTotals* out, int max) noexcept {
    const board::PartGuard guard(board::BoardLock::ranges, LW_SHARED);
    int n = 0;
    for (uint32 i = 0; i < board::queue_index().high(); i++) {
        if (board::queue_entries()[i].database != database) continue;
        if (n < max) copy_totals(i, &out[n]);
        n++;
    }
    return n;
}

void MinuteStatistics::read(pg::vector<QueueTotals>* into) {
    // One that is added meanwhile is read next time.
    into->resize(static_cast<std::size_t>(read_totals(MyDatabaseId, nullptr, 0)));
    const int n = read_totals(MyDatabaseId, into->data(), static_cast<int>(into->size()));
    into->resize(std::min(into->size(), static_cast<std::size_t>(n)));
}

void MinuteStatistics::begin(core::Instant now) {
    read(&last_);
    workflows_.begin();
    end_ = end_of_minute_of(now);
}

bool MinuteStatistics::is_over(core::Instant now) const noexcept {
    return now >= end_ || end_ - now > core::minutes(1);
}

void MinuteStatistics::write() {
    read(&current_);
    const AsOwner scope;
    const core::Instant minute = start_of_minute();
    const QueueTotals nothing{};
    for (const QueueTotals& now : current_) {
        const auto at = std::find_if(last_.begin(), last_.end(), [&now](const QueueTotals& t) {
            return board::name_view(t.name) == board::name_view(now.name);
        });
        // A queue whose entry was made anew begins again.
        const bool known =
            at != last_.end() && at->enqueued <= now.enqueued && at->completed <= now.completed;
        const QueueTotals& before = known ? *at : nothing;
        if (!is_same(now, before)) insert_minute(minute, now, before);
    }
    workflows_.write(minute);
    if (start_of_hour_of(minute) == summed_) return;
    pg::Args<1> a;
    a.instant(1, start_of_hour_of(minute));
    g_sum_hours.execute(a);
}

void MinuteStatistics::written(core::Instant now) {
    last_.swap(current_);
    workflows_.written();
    summed_ = start_of_hour_of(start_of_minute());
    end_ = end_of_minute_of(now);
}

SplitCounter::Counts& SplitCounter::of(std::string_view queue) {
    for (Counts& c : counts_) {
        if (board::name_view(c.queue) == queue) return c;
    }
    Counts c{};
    board::set_name(&c.queue, queue);
    counts_.push_back(c);
    return counts_.back();
}

void SplitCounter::begin(core::Instant now) {
    counts_.clear();
    now_ = now;
    at_ = 0;
    from_ = {now.us, PG_INT64_MAX};
    blocked_on_ = 0;
    blocked_job_ = 0;
    active_ = true;
}

// false: the range is done.
bool SplitCounter::count_some(const board::RangeChoice& r) {
    pg::Args<7> a;
    a.text(1, r.queue_name()).text(2, r.kind_name()).i16(3, r.priority).i16(4, r.alone);
    a.instant(5, core::Instant{from_.run_at}).i64(6, from_.job_id).i64(7, kSlice);
    const pg::Rows rows = g_count_later.execute(a);
    const int64 n = rows[0].i64(1);
    of(r.queue_name()).scheduled += n;
    if (n < kSlice) return false;
    from_ = {rows[0].instant(2).us, rows[0].i64(3)};
    return true;
}

// false: there are no more.
bool SplitCounter::count_blocked() {
    pg::Args<3> a;
    a.letter(1, blocked_on_).i64(2, blocked_job_).i64(3, kBlockedSlice);
    const pg::Rows rows = g_blocked.execute(a);
    for (const pg::Row row : rows) {
        of(row.view(3)).pending++;
        blocked_on_ = row.letter(1);
        blocked_job_ = row.i64(2);
    }
    return static_cast<int64>(rows.size()) == kBlockedSlice;
}

void SplitCounter::step() {
    const AsOwner scope;
    const core::Instant until = pg::clock_now() + kStep;
    board::RangeChoice r;
    while (at_ < board::range_count()) {
        const bool more = board::describe_range(board::range_at(MyDatabaseId, at_), &r) && count_some(r);
        if (!more) {
            // Nobody claims from it: its oldest job is not known.
            if (r.ref.index == at_ && r.head == core::kFirstKey) raise_range(r.ref);
            at_++;
            from_ = {now_.us, PG_INT64_MAX};
        }
        if (pg::clock_now() >= until) return;
    }
    while (count_blocked()) {
        if (pg::clock_now() >= until) return;
    }
    for (const pg::Row row : g_count_leased.execute()) of(row.view(1)).leased += row.i64(2);
    pg::vector<board::UnwrittenLease> unwritten(counts_.get_allocator());
    board::list_unwritten(&unwritten);
    for (const board::UnwrittenLease& l : unwritten) {
        if (l.queue == board::kNoIndex) continue;
        const board::QueueEntry& q = board::queue_entries()[l.queue];
        of({q.name, q.name_len}).leased++;
    }
    tell();
    active_ = false;
}

void SplitCounter::tell() const noexcept {
    const board::PartGuard guard(board::BoardLock::ranges, LW_SHARED);
    for (uint32 i = 0; i < board::queue_index().high(); i++) {
        board::QueueEntry& q = board::queue_entries()[i];
        if (q.database != MyDatabaseId) continue;
        const std::string_view name(q.name, q.name_len);
        const auto at = std::find_if(counts_.begin(), counts_.end(),
                                     [name](const Counts& c) { return board::name_view(c.queue) == name; });
        const Counts counted = at == counts_.end() ? Counts{} : *at;
        pg_atomic_write_u64(&q.scheduled, static_cast<uint64>(counted.scheduled));
        pg_atomic_write_u64(&q.leased, static_cast<uint64>(counted.leased));
        pg_atomic_write_u64(&q.pending, static_cast<uint64>(counted.pending));
    }
}

void measure_database() {
    board::DatabaseSlot* slot = board::database_slot(MyDatabaseId);
    if (slot == nullptr) return;
    const int64 bytes = pg::guarded([] {
        return DatumGetInt64(DirectFunctionCall1(pg_database_size_oid, ObjectIdGetDatum(MyDatabaseId)));
    });
    pg_atomic_write_u64(&slot->database_bytes, static_cast<uint64>(bytes));
}

}  // namespace foreman::store
