// SQL from C++: sessions, prepared statements that are global constants, rows. All SQL of the engine runs
// here.
//
//   constinit Statement find{"find", "SELECT job_id, kind FROM foreman.live_job WHERE queue = $1",
//   {TEXTOID}}; SpiSession session; Args<1> args; args.text(1, queue); for (Row row : find.execute(args))
//   use(row.i64(1), row.view(2));
//
// Invariant: Rows end before their SpiSession, and both before the (sub)transaction that they began in.
#pragma once

#include <span>
#include <type_traits>

#include "pg/datum.hpp"

namespace foreman::pg {

// Connects to SPI; CurrentMemoryContext is then SPI's own, freed at the end. While an exception unwinds, the
// abort disconnects.
class SpiSession {
  public:
    enum class Mode { atomic, nonatomic };

    explicit SpiSession(Mode mode = Mode::atomic);
    SpiSession(const SpiSession&) = delete;
    SpiSession& operator=(const SpiSession&) = delete;
    ~SpiSession();

    // Disconnects now.
    void finish();

  private:
    const int exceptions_ = std::uncaught_exceptions();
    bool connected_ = true;
};

// One row. Columns count from 1. Reading a NULL as a value is a mistake of the caller: ask is_null first.
class Row {
  public:
    Row(HeapTuple tuple, TupleDesc desc) noexcept : tuple_(tuple), desc_(desc) {}

    bool is_null(int column) const noexcept;
    // By reference types point into the row.
    Datum datum(int column) const noexcept;
    std::optional<Datum> optional_datum(int column) const noexcept;
    // Every column in one pass over the row, from index 0; both arrays hold desc.natts or more.
    void all(Datum* values, bool* nulls) const noexcept { heap_deform_tuple(tuple_, desc_, values, nulls); }
    std::int64_t i64(int column) const noexcept { return DatumGetInt64(datum(column)); }
    std::int32_t i32(int column) const noexcept { return DatumGetInt32(datum(column)); }
    std::int16_t i16(int column) const noexcept { return DatumGetInt16(datum(column)); }
    double f64(int column) const noexcept { return DatumGetFloat8(datum(column)); }
    bool boolean(int column) const noexcept { return DatumGetBool(datum(column)); }
    char letter(int column) const noexcept { return DatumGetChar(datum(column)); }
    /// A column of one letter as the enum that lists its letters.
    template <class Letter>
    Letter letter_of(int column) const noexcept {
        return static_cast<Letter>(letter(column));
    }
    Oid oid(int column) const noexcept { return DatumGetObjectId(datum(column)); }
    core::Instant instant(int column) const noexcept { return to_instant(datum(column)); }
    // text, varchar, bytea: valid as long as the Rows. Detoasts (into CurrentMemoryContext) where needed.
    std::string_view view(int column) const { return text_view(datum(column)); }
    // The same as a copy in the context, which ends in a zero byte; empty for NULL.
    std::string_view copy(int column, MemoryContext context) const {
        if (is_null(column)) return {};
        const std::string_view text = view(column);
        return {copy_text(text, context), text.size()};
    }
    // type name
    std::string_view name(int column) const noexcept { return NameStr(*DatumGetName(datum(column))); }

  private:
    HeapTuple tuple_;
    TupleDesc desc_;
};

// What a statement returned; frees it at its end. Move-only.
class Rows {
  public:
    Rows(SPITupleTable* table, std::uint64_t processed) noexcept : table_(table), processed_(processed) {}
    Rows(Rows&& other) noexcept
        : table_(std::exchange(other.table_, nullptr)), processed_(other.processed_) {}
    Rows& operator=(Rows&& other) noexcept;
    Rows(const Rows&) = delete;
    Rows& operator=(const Rows&) = delete;
    ~Rows() { free(); }

    std::size_t size() const noexcept { return table_ == nullptr ? 0 : table_->numvals; }
    bool empty() const noexcept { return size() == 0; }
    Row operator[](std::size_t index) const noexcept { return {table_->vals[index], table_->tupdesc}; }
    // Rows affected or returned.
    std::uint64_t processed() const noexcept { return processed_; }
    TupleDesc desc() const noexcept { return table_ == nullptr ? nullptr : table_->tupdesc; }
    HeapTuple tuple(std::size_t index) const noexcept { return table_->vals[index]; }

    class Iterator {
      public:
        Iterator(HeapTuple* tuple, TupleDesc desc) noexcept : tuple_(tuple), desc_(desc) {}
        Row operator*() const noexcept { return {*tuple_, desc_}; }
        Iterator& operator++() noexcept {
            ++tuple_;
            return *this;
        }
        bool operator!=(const Iterator& other) const noexcept { return tuple_ != other.tuple_; }

      private:
        HeapTuple* tuple_;
        TupleDesc desc_;
    };
    Iterator begin() const noexcept { return {table_ == nullptr ? nullptr : table_->vals, desc()}; }
    Iterator end() const noexcept { return {table_ == nullptr ? nullptr : table_->vals + size(), desc()}; }

  private:
    void free() noexcept;

    SPITupleTable* table_;
    std::uint64_t processed_;
};

// Arguments $1 to $N, all NULL at first.
template <int N>
class Args {
  public:
    Args() noexcept { nulls_.fill('n'); }

    Args& set(int number, Datum value) noexcept {
        values_[number - 1] = value;
        nulls_[number - 1] = ' ';
        return *this;
    }
    Args& null(int number) noexcept {
        nulls_[number - 1] = 'n';
        return *this;
    }
    Args& i64(int number, std::int64_t value) noexcept { return set(number, Int64GetDatum(value)); }
    Args& i32(int number, std::int32_t value) noexcept { return set(number, Int32GetDatum(value)); }
    Args& i16(int number, std::int16_t value) noexcept { return set(number, Int16GetDatum(value)); }
    Args& f64(int number, double value) noexcept { return set(number, Float8GetDatum(value)); }
    Args& boolean(int number, bool value) noexcept { return set(number, BoolGetDatum(value)); }
    Args& letter(int number, char value) noexcept { return set(number, CharGetDatum(value)); }
    template <class Letter>
    requires std::is_enum_v<Letter> Args& letter(int number, Letter value) noexcept {
        static_assert(sizeof(Letter) == sizeof(char));
        return set(number, CharGetDatum(static_cast<char>(value)));
    }
    Args& oid(int number, Oid value) noexcept { return set(number, ObjectIdGetDatum(value)); }
    Args& instant(int number, core::Instant value) noexcept { return set(number, to_datum(value)); }
    // Copies the text into CurrentMemoryContext.
    Args& text(int number, std::string_view value) { return set(number, text_datum(value)); }

    const Datum* values() const noexcept { return values_.data(); }
    const char* nulls() const noexcept { return nulls_.data(); }

  private:
    std::array<Datum, N> values_{};
    std::array<char, N> nulls_;
};

// One SQL statement under one name, prepared and kept at its first use in a process. Global and constinit.
// Always runs its generic plan, whatever plan_cache_mode says: planned once, cannot flip to a custom plan.
// DDL on what it uses, and another search_path, replan it by themselves: keep the search_path constant around
// it.
class Statement {
  public:
    static constexpr int kMaxArgs = 40;

    constexpr Statement(const char* name, const char* sql,
                        std::initializer_list<Oid> argument_types = {}) noexcept
        : name_(name), sql_(sql), argument_count_(static_cast<int>(argument_types.size())) {
        std::copy(argument_types.begin(), argument_types.end(), argument_types_.begin());
    }
    /// For a text whose arguments are in a table.
    constexpr Statement(const char* name, const char* sql, std::span<const Oid> argument_types) noexcept
        : name_(name), sql_(sql), argument_count_(static_cast<int>(argument_types.size())) {
        std::copy(argument_types.begin(), argument_types.end(), argument_types_.begin());
    }
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

    // does    runs it; a limit of 0 is no limit; read_only uses the active snapshot, otherwise it takes a new
    // one returns its rows, valid until they end or SPI disconnects errors  PgError as raised needs   an
    // SpiSession, a snapshot when read_only cost    the plan's own, and about 20 ns over SPI_execute_plan
    Rows execute(const Datum* values, const char* nulls, bool read_only = false, long limit = 0);
    Rows execute(bool read_only = false, long limit = 0) {
        return execute(nullptr, nullptr, read_only, limit);
    }
    template <int N>
    Rows execute(const Args<N>& args, bool read_only = false, long limit = 0) {
        Assert(N == argument_count_);
        return execute(args.values(), args.nulls(), read_only, limit);
    }

    // The same with a snapshot of the database as it is now, also in a transaction that keeps its first one.
    Rows execute_latest(const Datum* values, const char* nulls);
    template <int N>
    Rows execute_latest(const Args<N>& args) {
        Assert(N == argument_count_);
        return execute_latest(args.values(), args.nulls());
    }

    // Prepares it now, as execute would; and gives the plan back, for statements that are made at run time.
    void prepare();
    void forget();

    const char* name() const noexcept { return name_; }
    const char* sql() const noexcept { return sql_; }
    int argument_count() const noexcept { return argument_count_; }
    SPIPlanPtr plan() const noexcept { return plan_; }

  private:
    const char* name_;
    const char* sql_;
    std::array<Oid, kMaxArgs> argument_types_{};
    int argument_count_;
    SPIPlanPtr plan_ = nullptr;
};

/// does: runs one statement whose text was made for the moment. SPI_tuptable has its rows.
/// needs: an SpiSession.
/// errors: the statement's own
void run_once(const char* sql);

}  // namespace foreman::pg
