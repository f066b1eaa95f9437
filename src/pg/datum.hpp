// Values between C++ and Postgres: texts, jsonb, times, arrays, rows. What is allocated goes into the named
// context (CurrentMemoryContext where none is named) and belongs to it.
#pragma once

#include <chrono>

#include "core/time.hpp"
#include "pg/memory.hpp"

namespace foreman::pg {

// --- text, bytea: 53200 or 54000 (beyond 1 GB) as exceptions.
Datum text_datum(std::string_view text, MemoryContext context = CurrentMemoryContext);
// text, varchar, bytea, char(n). Points into the datum; a compressed or external one is detoasted into
// CurrentMemoryContext first.
std::string_view text_view(Datum text);

// --- jsonb. Malformed text: PgError 22P02.
Datum jsonb_from_text(std::string_view json, MemoryContext context = CurrentMemoryContext);
std::string_view jsonb_to_text(Datum jsonb, MemoryContext context = CurrentMemoryContext);
// A copy of a value of variable length, whole and uncompressed.
Datum copy_varlena(Datum value, MemoryContext context = CurrentMemoryContext);
// Bytes of the value as stored in memory, without detoasting it.
std::size_t datum_bytes(Datum varlena) noexcept;

// --- times.
inline core::Instant to_instant(Datum timestamptz) noexcept {
    return core::Instant{DatumGetTimestampTz(timestamptz)};
}
inline Datum to_datum(core::Instant instant) noexcept { return TimestampTzGetDatum(instant.us); }
// The server's clock now (not the transaction's start).
inline core::Instant clock_now() noexcept { return core::Instant{GetCurrentTimestamp()}; }
// A clock that nobody sets, for the pauses and the patience of one server's processes. It compares with
// itself only. Allowed in signal handlers.
inline core::Instant steady_now() noexcept {
    const auto t = std::chrono::steady_clock::now().time_since_epoch();
    return core::Instant{std::chrono::duration_cast<std::chrono::microseconds>(t).count()};
}

// A timestamp as timestamptz's input function reads it, with the session's time zone where the text has none;
// false unless it is a finite one. Raises nothing: for hooks of settings.
bool parse_instant(const char* text, core::Instant* instant) noexcept;

struct IntervalParts {
    std::int32_t months;
    std::int32_t days;
    std::int64_t us;
};
IntervalParts interval_parts(Datum interval) noexcept;
// Of microseconds only.
Datum interval_datum(core::Micros duration, MemoryContext context = CurrentMemoryContext);

// --- uuid
struct UuidBytes {
    std::array<std::uint8_t, UUID_LEN> bytes;
};
UuidBytes uuid_bytes(Datum uuid) noexcept;
Datum uuid_datum(const UuidBytes& uuid, MemoryContext context = CurrentMemoryContext);

// --- arrays of one dimension.
struct ElementType {
    Oid oid;
    std::int16_t length;
    bool by_value;
    char alignment;
};
inline constexpr ElementType kBool{BOOLOID, 1, true, TYPALIGN_CHAR};
inline constexpr ElementType kChar{CHAROID, 1, true, TYPALIGN_CHAR};
inline constexpr ElementType kInt2{INT2OID, 2, true, TYPALIGN_SHORT};
inline constexpr ElementType kInt4{INT4OID, 4, true, TYPALIGN_INT};
inline constexpr ElementType kInt8{INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE};
inline constexpr ElementType kFloat8{FLOAT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE};
inline constexpr ElementType kOid{OIDOID, 4, true, TYPALIGN_INT};
inline constexpr ElementType kText{TEXTOID, -1, false, TYPALIGN_INT};
inline constexpr ElementType kJsonb{JSONBOID, -1, false, TYPALIGN_INT};
inline constexpr ElementType kTimestamptz{TIMESTAMPTZOID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE};
inline constexpr ElementType kUuid{UUIDOID, UUID_LEN, false, TYPALIGN_CHAR};

// Any other type, composite ones included, from the catalogue.
ElementType element_type(Oid type);

// An array of these elements; nulls (as many) marks the NULL ones. An empty span gives '{}'.
Datum array_datum(ElementType type, std::span<const Datum> values, const bool* nulls = nullptr,
                  MemoryContext context = CurrentMemoryContext);
// int8[] straight from numbers: no pass over Datums.
Datum int8_array(std::span<const std::int64_t> values, MemoryContext context = CurrentMemoryContext);

// The elements of an array; by reference ones point into it. A NULL element has nulls[i] true. Raises 2202E
// unless the array has at most one dimension.
struct Elements {
    const Datum* values;
    const bool* nulls;
    int count;

    std::span<const Datum> span() const noexcept { return {values, static_cast<std::size_t>(count)}; }
};
Elements array_elements(Datum array, ElementType type);

// --- rows of composite types.
// The descriptor of a named composite type, blessed; valid for the session's type cache entry, copy to keep.
TupleDesc composite_desc(Oid type);
// A row as a Datum. desc must be blessed (composite_desc and result_desc give such).
Datum composite_datum(TupleDesc desc, const Datum* values, const bool* nulls);
// What a function that returns one row has to return. 0A000 when the caller does not say.
TupleDesc result_desc(FunctionCallInfo fcinfo);
// Attribute number (from 1) of a row that came in as an argument.
std::optional<Datum> composite_attribute(Datum row, int number);

// --- arguments of SQL functions, numbered from 0 as in fmgr.h.
inline bool has_argument(FunctionCallInfo fcinfo, int index) noexcept { return !fcinfo->args[index].isnull; }
inline Datum argument(FunctionCallInfo fcinfo, int index) noexcept { return fcinfo->args[index].value; }
inline std::optional<Datum> optional_argument(FunctionCallInfo fcinfo, int index) noexcept {
    if (fcinfo->args[index].isnull) return std::nullopt;
    return fcinfo->args[index].value;
}
// A text argument, detoasted; nothing when NULL.
std::optional<std::string_view> text_argument(FunctionCallInfo fcinfo, int index);
inline Datum return_null(FunctionCallInfo fcinfo) noexcept {
    fcinfo->isnull = true;
    return Datum{0};
}

// The result of a set-returning function, materialised: ResultSet set(fcinfo); set.put(values, nulls); return
// set.done(); Spills to disk beyond work_mem.
class ResultSet {
  public:
    enum class Of { rows, values };
    explicit ResultSet(FunctionCallInfo fcinfo, Of of = Of::rows);

    TupleDesc desc() const noexcept { return desc_; }
    // As many as the columns; nulls may be nullptr.
    void put(const Datum* values, const bool* nulls = nullptr);
    template <std::size_t N>
    void put(const std::array<std::optional<Datum>, N>& row) {
        std::array<Datum, N> values{};
        std::array<bool, N> nulls{};
        for (std::size_t i = 0; i < N; ++i) {
            values[i] = row[i].value_or(Datum{0});
            nulls[i] = !row[i].has_value();
        }
        put(values.data(), nulls.data());
    }
    Datum done() const noexcept { return return_null(fcinfo_); }

  private:
    FunctionCallInfo fcinfo_;
    Tuplestorestate* store_;
    TupleDesc desc_;
};

}  // namespace foreman::pg
