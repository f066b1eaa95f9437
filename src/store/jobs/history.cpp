// See history.hpp. Where nobody has added anything to the table, the rows are appended without a statement, which costs
// a quarter of an INSERT; else by a statement, which does all that the table asks for. The rows are made once for both.
#include "store/jobs/history.hpp"

#include <algorithm>

#include "pg/append.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/encoding.hpp"
#include "pg/index_scan.hpp"
#include "store/db/schema.hpp"
#include "store/jobs/job_columns.hpp"

namespace foreman::store {

using core::StoredState;

namespace {

// What a row has: the columns of HistoryColumn, then the process that writes it.
constexpr int kColumns = kHistoryColumns + 1;
constexpr const char* kNames[kColumns] = {"job_id" HISTORY_COLUMNS(AND_TEXT), "worker_pid"};
constexpr Oid kTypes[kColumns] = {INT8OID HISTORY_COLUMNS(AND_OID), INT4OID};

// One array of rows: an unnest for each column would fill as many tuple stores.
constinit pg::Statement g_history{
    "history",
    "INSERT INTO foreman.job_history (job_id" HISTORY_COLUMNS(AND_NAME) ", worker_pid) "
    "SELECT u.job_id" HISTORY_COLUMNS(AND_NAME_OF_U) ", u.worker_pid "
    "FROM pg_catalog.unnest($1) AS u (job_id pg_catalog.int8" HISTORY_COLUMNS(AND_DEFINITION)
    ", worker_pid pg_catalog.int4)",
    {RECORDARRAYOID}};

// The partition that rows were appended to last.
struct Target {
    uint64 generation = 0;
    bool plain = false;  // its rows may be appended without a statement
    pg::Leaf leaf;
    AttrNumber numbers[kColumns];
};
constinit Target g_target{};

// The type of the rows that g_history takes; made once a process.
TupleDesc history_desc() {
    static constinit TupleDesc desc = nullptr;
    if (desc == nullptr) {
        desc = pg::guarded([] {
            const MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
            TupleDesc made = CreateTemplateTupleDesc(static_cast<int>(kColumns));
            for (std::size_t i = 0; i < kColumns; i++)
                TupleDescInitEntry(made, static_cast<AttrNumber>(i + 1), nullptr, kTypes[i], -1, 0);
            MemoryContextSwitchTo(old);
            return BlessTupleDesc(made);
        });
    }
    return desc;
}

std::optional<Datum> text_or_null(std::string_view text) {
    if (text.empty()) return std::nullopt;
    return pg::text_datum(text);
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
    bool keeps_args(const Job& j) const {
        return static_cast<int64>(pg::datum_bytes(j.args)) <= settings->keep_args;
    }
};

// v, n: kColumns of them.
void fill_row(const Ended& e, const HistoryNames& names, Datum* v, bool* n) {
    const Job& j = *e.job;
    using Column = HistoryColumn;
    const auto put = [v, n](int column, std::optional<Datum> value) {
        v[column - 1] = value.value_or(Datum{0});
        n[column - 1] = !value.has_value();
    };
    const auto put_if = [&put](bool there, int column, Datum value) {
        put(column, there ? std::optional<Datum>(value) : std::nullopt);
    };
    put(Column::job_id, Int64GetDatum(j.job_id));
    put(Column::run_at, pg::to_datum(j.run_at));
    put(Column::enqueued_at, pg::to_datum(j.enqueued_at));
    put(Column::priority, Int16GetDatum(j.priority));
    put(Column::max_attempts, Int16GetDatum(j.max_attempts));
    put(Column::queue, names.queue);
    put(Column::kind, names.kind);
    put_if(names.keeps_args(j), Column::args, j.args);
    put(Column::tags, j.tags);
    put(Column::metadata, j.metadata);
    put_if(j.batch_id != 0, Column::batch_id, Int64GetDatum(j.batch_id));
    put_if(j.origin != core::Origin::none, Column::origin, CharGetDatum(static_cast<char>(j.origin)));
    put_if(j.origin != core::Origin::none, Column::origin_id, Int64GetDatum(j.origin_id));
    put(Column::attempt, Int16GetDatum(e.attempt));
    put(Column::errors, e.errors);
    put(Column::unique_key, text_or_null(j.unique_key));
    put_if(j.unique_as != core::UniqueAs::none, Column::unique_as,
           CharGetDatum(static_cast<char>(j.unique_as)));
    put(Column::concurrency_key, text_or_null(j.concurrency_key));
    put(Column::sequence_key, text_or_null(j.sequence_key));
    put(Column::finished_at, pg::to_datum(e.finished_at));
    put(Column::started_at, e.started_at ? std::optional<Datum>(pg::to_datum(*e.started_at)) : std::nullopt);
    put(Column::outcome,
        CharGetDatum(static_cast<char>(e.next == core::Next::complete ? StoredState::completed
                                                                      : StoredState::cancelled)));
    put(Column::result, e.result);
    put(Column::reason, e.reason.empty()
                            ? std::nullopt
                            : std::optional<Datum>(pg::text_datum(pg::cut(e.reason, kMaxErrorText))));
    put(kColumns, Int32GetDatum(MyProcPid));
}

// The partition of that instant in g_target, if its rows may be appended. The lock brings the news of changes.
bool find_target(int64 at) {
    const Oid history = schema().job_history;
    pg::call<&LockRelationOid>(history, LOCKMODE{RowExclusiveLock});
    Target& t = g_target;
    if (t.generation == job_tables_generation() && at >= t.leaf.from && at < t.leaf.to) return t.plain;
    t.plain = false;
    t.generation = job_tables_generation();
    if (history == InvalidOid) return false;
    t.leaf = pg::leaf_of(history, at);
    const bool plain = OidIsValid(t.leaf.table) && !pg::has_triggers(history) &&
                       pg::takes_plain_rows(t.leaf.table) &&
                       pg::find_columns(t.leaf.table, kNames, kTypes, t.numbers) == kColumns;
    // What was changed while this looked is looked at again by the next.
    t.plain = plain;
    return plain;
}

void append(std::span<const Ended* const> ended, const Datum* values, const bool* nulls,
            pg::ContextResource* memory) {
    pg::vector<Datum> v(memory);
    pg::vector<bool> n(memory);
    v.resize(ended.size() * kColumns);
    n.resize(ended.size() * kColumns);
    for (std::size_t row = 0; row < ended.size(); row++) {
        for (std::size_t i = 0; i < kColumns; i++) {
            const std::size_t to = row * kColumns + static_cast<std::size_t>(g_target.numbers[i]) - 1;
            v[to] = values[row * kColumns + i];
            n[to] = nulls[row * kColumns + i];
        }
    }
    pg::append_rows(g_target.leaf.table, ended.size(), v.data(), n.data());
}

void insert(std::span<const Ended* const> ended, Datum* values, bool* nulls, pg::ContextResource* memory) {
    pg::vector<Datum> rows(memory);
    rows.reserve(ended.size());
    for (std::size_t row = 0; row < ended.size(); row++)
        rows.push_back(pg::composite_datum(history_desc(), values + row * kColumns, nulls + row * kColumns));
    constexpr pg::ElementType kRecord{RECORDOID, -1, false, TYPALIGN_DOUBLE};
    pg::Args<1> a;
    a.set(1, pg::array_datum(kRecord, {rows.data(), rows.size()}));
    g_history.execute(a);
}

}  // namespace

void write_history(std::span<const Ended* const> ended) {
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<Datum> values(&memory);
    pg::vector<bool> nulls(&memory);
    values.resize(ended.size() * kColumns);
    nulls.resize(ended.size() * kColumns);
    HistoryNames names;
    int64 least = PG_INT64_MAX;
    int64 greatest = PG_INT64_MIN;
    for (std::size_t row = 0; row < ended.size(); row++) {
        const Ended& e = *ended[row];
        names.become(*e.job);
        fill_row(e, names, values.data() + row * kColumns, nulls.data() + row * kColumns);
        least = std::min(least, e.finished_at.us);
        greatest = std::max(greatest, e.finished_at.us);
    }
    if (find_target(least) && greatest < g_target.leaf.to) {
        append(ended, values.data(), nulls.data(), &memory);
    } else {
        insert(ended, values.data(), nulls.data(), &memory);
    }
}

}  // namespace foreman::store
