// Claims that delete, and the first key of a range: what every job needs, so both scan the index live_job_claim from the
// head on without a statement. Where that index is not as we made it, statements of the same meaning find the rows.
#include <algorithm>

#include "board/unsettled.hpp"
#include "board/unwritten_leases.hpp"
#include "pg/append.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/index_scan.hpp"
#include "pg/xact.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/jobs/claimable.hpp"
#include "store/jobs/job_columns.hpp"
#include "store/jobs/job_row.hpp"
#include "store/jobs/jobs.hpp"
#include "store/jobs/range_scan.hpp"

namespace foreman::store {

namespace {

// The selection is an array, computed once, and its rows are found by ctid: planned as a join it may scan the
// table, or run the limited selection more than once.
constinit pg::Statement g_claim{
    "claim",
    "DELETE FROM foreman.live_job WHERE ctid " EQ
    " ANY (ARRAY (SELECT c.ctid FROM foreman.live_job c WHERE " CLAIMABLE " AND run_at " LE
    " $7 AND foreman._is_free(c.job_id) ORDER BY run_at, job_id LIMIT $8 FOR UPDATE SKIP LOCKED)) AND "
    "foreman._is_free(job_id) "
    "RETURNING " PLAIN_COLUMNS,
    {TEXTOID, TEXTOID, INT2OID, INT2OID, TIMESTAMPTZOID, INT8OID, TIMESTAMPTZOID, INT8OID}};

constinit pg::Statement g_first_keys{"first_key",
                                     "SELECT run_at, job_id FROM foreman.live_job WHERE " CLAIMABLE
                                     " ORDER BY run_at, job_id LIMIT $7",
                                     {TEXTOID, TEXTOID, INT2OID, INT2OID, TIMESTAMPTZOID, INT8OID, INT8OID}};

// Of live_job: where the columns of PLAIN_COLUMNS are.
constexpr const char* kNames[] = {"job_id" KEYLESS_COLUMNS(AND_TEXT)};
constexpr Oid kTypes[] = {INT8OID KEYLESS_COLUMNS(AND_OID)};
constexpr std::size_t kColumns = std::size(kNames);
constexpr const char* kState[] = {"state"};
constexpr Oid kStateType[] = {CHAROID};

struct Table {
    uint64 generation = 0;
    bool usable = false;
    AttrNumber numbers[kColumns];
    AttrNumber state;
};
constinit Table g_table{};

// nullptr: the statements have to do it.
const Table* table() {
    const Schema& s = schema();
    Table& t = g_table;
    if (t.generation != job_tables_generation()) {
        t.generation = job_tables_generation();
        t.usable = false;
        t.usable = pg::is_index_of(s.claim_index, s.live_job) &&
                   pg::find_columns(s.live_job, kNames, kTypes, t.numbers) > 0 &&
                   pg::find_columns(s.live_job, kState, kStateType, &t.state) > 0 &&
                   !pg::has_triggers(s.live_job);
    }
    return t.usable ? &t : nullptr;
}

// A scan compares every entry of a page of the index, up to its end, before it gives the first row away: some hundred
// entries, of which a claim of few jobs wants the first ones only. So such a claim notes the keys that stand behind what
// it took, and those that follow end at one of them, unless they find too little. They are hints: any key is right.
// Where jobs are claimed one at a time, a transaction raises the head and then claims the row that the raise has seen: its
// place is noted as well, and needs no second scan.
constexpr std::size_t kFew = 4;
constexpr std::size_t kAhead = 128;

struct Ahead {
    char queue[board::kNameBytes];
    char kind[board::kNameBytes];
    uint32 queue_len, kind_len;
    int16 priority, alone;
    uint32 count;
    core::Key keys[kAhead];
    LocalTransactionId seen_in;  // the transaction that saw the first row; that is used once
    core::Key first;
    ItemPointerData place;

    bool is_of(const RangeSpec& r) const noexcept {
        return priority == r.priority && alone == r.alone && r.queue == std::string_view{queue, queue_len} &&
               r.kind == std::string_view{kind, kind_len};
    }
    void forget() noexcept { queue_len = 0; }
    void begin(const RangeSpec& r) noexcept {
        queue_len = static_cast<uint32>(r.queue.copy(queue, sizeof(queue)));
        kind_len = static_cast<uint32>(r.kind.copy(kind, sizeof(kind)));
        priority = r.priority;
        alone = r.alone;
        count = 0;
        seen_in = InvalidLocalTransactionId;
    }
};
constexpr std::size_t kRanges = 8;
constinit Ahead g_ahead[kRanges] = {};

Ahead& ahead_of(const RangeSpec& r) noexcept {
    const std::size_t hash = std::hash<std::string_view>()(r.queue) ^
                             (31 * std::hash<std::string_view>()(r.kind)) ^
                             static_cast<std::size_t>(r.priority) ^ (static_cast<std::size_t>(r.alone) << 8);
    return g_ahead[hash % kRanges];
}

// Where a scan from a key on is to end, that wants so many rows; kNoKey: at the end of the range.
core::Key end_of(const RangeSpec& r, core::Key from, std::size_t rows) noexcept {
    const Ahead& a = ahead_of(r);
    if (!a.is_of(r)) return core::kNoKey;
    const core::Key* const end = a.keys + a.count;
    const core::Key* const next = std::lower_bound(a.keys, end, from);
    if (next == end) return core::kNoKey;
    if (rows >= kFew && next + rows >= end) return core::kNoKey;
    return *std::min(next + rows, end - 1);
}

// The rows of a range from a key on, as CLAIMABLE says: the index has only those that wait.
class RangeScan {
  public:
    /// to: the last key; kNoKey: all of them
    RangeScan(const RangeSpec& range, core::Key from, core::Key to, pg::IndexScan::For what,
              bool looks_ahead = false)
        : from_(bound(pg::RowBound::Side::from, from)),
          to_(bound(pg::RowBound::Side::to, to)),
          keys_{equal(1, F_TEXTEQ, pg::text_datum(range.queue), C_COLLATION_OID),
                equal(2, F_TEXTEQ, pg::text_datum(range.kind), C_COLLATION_OID),
                equal(3, F_INT2EQ, Int16GetDatum(range.priority)),
                equal(4, F_INT2EQ, Int16GetDatum(range.alone)),
                from_.key(),
                to.job_id == core::kNoKey.job_id
                    ? pg::scan_key(kRunAt, BTLessEqualStrategyNumber, F_TIMESTAMPTZ_LE,
                                   pg::to_datum(core::Instant{to.run_at}))
                    : to_.key()},
          scan_(schema().live_job, schema().claim_index,
                {keys_, to == core::kNoKey ? std::size(keys_) - 1 : std::size(keys_)}, what, looks_ahead) {}

    pg::IndexScan& rows() noexcept { return scan_; }
    JobRow row(const Table& t) const noexcept { return {scan_.values(), scan_.nulls(), t.numbers, kColumns}; }
    /// The keys of the entries behind the last row.
    void note(Ahead* a) {
        while (a->count < kAhead) {
            const Datum* values = scan_.next_entry();
            if (values == nullptr) return;
            a->keys[a->count++] = {pg::to_instant(values[kRunAt - 1]).us, DatumGetInt64(values[kRunAt])};
        }
    }

  private:
    static constexpr int kRunAt = 5;

    static ScanKeyData equal(int column, Oid function, Datum value, Oid collation = InvalidOid) noexcept {
        return pg::scan_key(column, BTEqualStrategyNumber, function, value, collation);
    }
    static pg::RowBound bound(pg::RowBound::Side side, core::Key key) noexcept {
        return {side,
                kRunAt,
                F_TIMESTAMPTZ_CMP,
                pg::to_datum(core::Instant{key.run_at}),
                F_BTINT8CMP,
                Int64GetDatum(key.job_id)};
    }

    const pg::RowBound from_;
    const pg::RowBound to_;
    const ScanKeyData keys_[6];
    pg::IndexScan scan_;
};

void claim_by_statement(const RangeSpec& range, core::Key from, core::Instant now, int qty,
                        MemoryContext context, pg::vector<Job>* out) {
    const AsOwner scope;
    pg::Args<8> a;
    set_range(&a, range, from);
    a.instant(7, now).i64(8, qty);
    const pg::Rows rows = g_claim.execute(a);
    const std::size_t first = out->size();
    for (const pg::Row row : rows) {
        Job j{};
        JobRow(row).read(context, &j);
        out->push_back(j);
    }
    // They come back in the order of their places in the table.
    std::sort(out->begin() + static_cast<std::ptrdiff_t>(first), out->end(),
              [](const Job& x, const Job& y) { return x.key() < y.key(); });
}

core::Key after(core::Key key) noexcept { return {key.run_at, key.job_id + 1}; }

// Takes what stands from one key to another. notes: the keys behind, for the claims that follow.
void take_between(const Table& t, const RangeSpec& range, core::Key from, core::Key to, bool notes,
                  std::size_t most, MemoryContext context, pg::vector<Job>* out) {
    const pg::ActiveSnapshot snapshot;
    RangeScan scan(range, from, to, pg::IndexScan::For::deleting, notes);
    const bool leased = board::any_unwritten();
    while (out->size() < most && scan.rows().next()) {
        // Asked at each row: an executor may end, and free its rows, while others are taken.
        if ((leased || board::any_unsettled()) && board::is_anothers(scan.row(t).key().job_id)) continue;
        if (!scan.rows().take()) continue;
        Job j{};
        scan.row(t).read(context, &j);
        out->push_back(j);
    }
    if (!notes) return;
    Ahead& ahead = ahead_of(range);
    ahead.begin(range);
    if (out->size() == most) scan.note(&ahead);
}

// Takes the one row that the raise of this transaction has seen at the key, if it is as it was.
bool take_seen(const Table& t, const RangeSpec& range, core::Key key, MemoryContext context,
               pg::vector<Job>* out) {
    Ahead& ahead = ahead_of(range);
    if (!ahead.is_of(range) || ahead.seen_in != pg::compat::local_transaction() || ahead.first != key)
        return false;
    ahead.seen_in = InvalidLocalTransactionId;
    const pg::ActiveSnapshot snapshot;
    pg::RowAt at(schema().live_job, ahead.place);
    if (!at.is_seen()) return false;
    const JobRow row(at.values(), at.nulls(), t.numbers, kColumns);
    const bool same = row.key() == key && row.i16(LiveColumn::priority) == range.priority &&
                      row.i16(LiveColumn::alone) == range.alone &&
                      DatumGetChar(at.values()[t.state - 1]) == 'w';
    if (!same || board::is_anothers(key.job_id) || !at.take()) return false;
    Job j{};
    row.read(context, &j);
    out->push_back(j);
    return true;
}

// Twice as far each time: what others hold or have done is passed over.
template <class Part>
void part_by_part(const RangeSpec& range, core::Key from, core::Key last, std::size_t rows, Part part) {
    for (bool more = true; more; rows *= 2) {
        const core::Key end = std::min(end_of(range, from, rows), last);
        more = part(from, end) && end < last;
        from = after(end);
    }
}

void claim_by_scan(const Table& t, const RangeSpec& range, core::Key from, core::Instant now, int qty,
                   MemoryContext context, pg::vector<Job>* out) {
    const LockPatience patience;
    const auto wanted = static_cast<std::size_t>(qty);
    const std::size_t most = out->size() + wanted;
    const core::Key due{now.us, core::kNoKey.job_id};
    if (wanted >= kFew) ahead_of(range).forget();
    pg::call<&CommandCounterIncrement>();
    if (wanted > 1 || !take_seen(t, range, from, context, out)) {
        part_by_part(range, from, due, wanted, [&](core::Key begin, core::Key end) {
            take_between(t, range, begin, end, end == due && wanted < kFew, most, context, out);
            return out->size() < most;
        });
    }
    pg::call<&CommandCounterIncrement>();
}

bool is_in(std::span<const core::Key> held, core::Key key) {
    return std::find(held.begin(), held.end(), key) != held.end();
}

core::Key first_by_statement(const RangeSpec& range, core::Key from, std::span<const core::Key> held) {
    const AsOwner scope;
    pg::Args<7> a;
    set_range(&a, range, from);
    a.i64(7, static_cast<int64>(held.size()) + 1);
    const pg::Rows rows = g_first_keys.execute(a, true);
    for (const pg::Row row : rows) {
        const core::Key key{row.instant(1).us, row.i64(2)};
        if (!is_in(held, key)) return key;
    }
    return core::kNoKey;
}

core::Key first_between(const Table& t, const RangeSpec& range, core::Key from, core::Key to,
                        std::span<const core::Key> held) {
    Ahead& ahead = ahead_of(range);
    const bool one_by_one = ahead.is_of(range);
    RangeScan scan(range, from, to, pg::IndexScan::For::reading, one_by_one && to == core::kNoKey);
    while (scan.rows().next()) {
        const core::Key key = scan.row(t).key();
        // Whose row is new is not passed over: when the lease goes, nobody lowers the head to it.
        if (is_in(held, key) || board::is_unwritten_at(key.job_id, scan.rows().place())) continue;
        if (!one_by_one) return key;
        if (to == core::kNoKey) {
            ahead.count = 0;
            ahead.keys[ahead.count++] = key;
        }
        ahead.first = key;
        ahead.place = scan.rows().place();
        ahead.seen_in = pg::compat::local_transaction();
        if (to == core::kNoKey) scan.note(&ahead);
        return key;
    }
    return core::kNoKey;
}

core::Key first_by_scan(const Table& t, const RangeSpec& range, core::Key from,
                        std::span<const core::Key> held) {
    const LockPatience patience;
    core::Key first = core::kNoKey;
    part_by_part(range, from, core::kNoKey, 2 + held.size(), [&](core::Key begin, core::Key end) {
        first = first_between(t, range, begin, end, held);
        return first == core::kNoKey;
    });
    return first;
}

// Asked again after the rows were locked: a handler was registered just now, and meanwhile somebody outside has leased
// jobs of its kind.
void refuse_leased(std::span<const Job> jobs) {
    if (!board::any_unwritten()) return;
    for (const Job& j : jobs) {
        if (board::is_unwritten(j.job_id))
            throw pg::Failure(ERRCODE_T_R_SERIALIZATION_FAILURE,
                              "a worker outside has just leased job " INT64_FORMAT, j.job_id)
                .hint("Try again.");
    }
}

class ScannedRow final : public WaitingRow {
  public:
    ScannedRow(const Table& table, RangeScan* scan) noexcept : row_(scan->row(table)), rows_(scan->rows()) {}
    core::Key key() const override { return row_.key(); }
    ItemPointerData place() const override { return rows_.place(); }
    bool is_untouched() const override { return rows_.is_untouched(); }
    void read(MemoryContext context, Job* out) const override { row_.read(context, out); }

  private:
    const JobRow row_;
    const pg::IndexScan& rows_;
};

}  // namespace

bool scan_due(const RangeSpec& range, core::Key from, core::Instant now, int qty, void* arg, TakeRow take) {
    const Table* t = table();
    if (t == nullptr) return false;
    const LockPatience patience;
    const core::Key due{now.us, core::kNoKey.job_id};
    const auto wanted = static_cast<std::size_t>(qty);
    std::size_t taken = 0;
    part_by_part(range, from, due, wanted, [&](core::Key begin, core::Key end) {
        const bool notes = end == due && wanted < kFew;
        RangeScan scan(range, begin, end, pg::IndexScan::For::reading, notes);
        while (taken < wanted && scan.rows().next()) taken += take(arg, ScannedRow(*t, &scan)) ? 1 : 0;
        if (notes) {
            Ahead& ahead = ahead_of(range);
            ahead.begin(range);
            if (taken == wanted) scan.note(&ahead);
        }
        return taken < wanted;
    });
    return true;
}

void claim_by_delete(const RangeSpec& range, core::Key from, core::Instant now, int qty,
                     MemoryContext context, pg::vector<Job>* out) {
    const std::size_t first = out->size();
    if (const Table* t = table()) {
        claim_by_scan(*t, range, from, now, qty, context, out);
    } else {
        claim_by_statement(range, from, now, qty, context, out);
    }
    if (out->size() == first) return;
    refuse_leased({out->data() + first, out->size() - first});
    const std::string_view queue{pg::copy_text(range.queue, context), range.queue.size()};
    const std::string_view kind{pg::copy_text(range.kind, context), range.kind.size()};
    for (std::size_t i = first; i < out->size(); i++) {
        (*out)[i].queue = queue;
        (*out)[i].kind = kind;
    }
}

core::Key first_key(const RangeSpec& range, core::Key from, std::span<const core::Key> held) {
    // Also under REPEATABLE READ: an older snapshot would pass over what was committed since.
    const pg::LatestSnapshot fresh;
    const Table* t = table();
    return t != nullptr ? first_by_scan(*t, range, from, held) : first_by_statement(range, from, held);
}

}  // namespace foreman::store
