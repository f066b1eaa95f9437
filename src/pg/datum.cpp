// Values between C++ and Postgres.
#include "pg/datum.hpp"

namespace foreman::pg {
namespace {

constexpr bool kNoNulls[MaxTupleAttributeNumber] = {};

// text and bytea have the same layout. The size check makes the error of the right class, palloc's would be
// XX000.
char* new_varlena(std::size_t payload, MemoryContext context) {
    if (payload > MaxAllocSize - VARHDRSZ) {
        throw Failure(ERRCODE_PROGRAM_LIMIT_EXCEEDED, "value of %zu bytes is too long", payload)
            .detail("A value has at most %zu bytes.", static_cast<std::size_t>(MaxAllocSize - VARHDRSZ));
    }
    char* const result = static_cast<char*>(allocate(payload + VARHDRSZ, context));
    SET_VARSIZE(result, payload + VARHDRSZ);
    return result;
}

}  // namespace

Datum text_datum(std::string_view text, MemoryContext context) {
    char* const result = new_varlena(text.size(), context);
    if (!text.empty()) std::memcpy(VARDATA(result), text.data(), text.size());
    return PointerGetDatum(result);
}

std::string_view text_view(Datum text) {
    auto* value = reinterpret_cast<varlena*>(DatumGetPointer(text));
    if (VARATT_IS_COMPRESSED(value) || VARATT_IS_EXTERNAL(value))
        value = call<&pg_detoast_datum_packed>(value);
    return {VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
}

Datum jsonb_from_text(std::string_view json, MemoryContext context) {
    const CurrentScope scope(context);
    char* const copy = copy_text(json);
    const Datum result = guarded([copy] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(copy)); });
    pfree(copy);
    return result;
}

std::string_view jsonb_to_text(Datum jsonb, MemoryContext context) {
    const CurrentScope scope(context);
    return guarded([jsonb] {
        Jsonb* const value = DatumGetJsonbP(jsonb);
        return static_cast<const char*>(JsonbToCString(nullptr, &value->root, VARSIZE(value)));
    });
}

Datum copy_varlena(Datum value, MemoryContext context) {
    return guarded([&] {
        const MemoryContext old = MemoryContextSwitchTo(context);
        const Datum copy = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
        MemoryContextSwitchTo(old);
        return copy;
    });
}

std::size_t datum_bytes(Datum varlena) noexcept { return toast_raw_datum_size(varlena); }

// As check_recovery_target_time in guc.c (in xlogrecovery.c since 16).
bool parse_instant(const char* text, core::Instant* instant) noexcept {
    char work[MAXDATELEN + MAXDATEFIELDS];
    char* fields[MAXDATEFIELDS];
    int types[MAXDATEFIELDS];
    int count = 0;
    int kind = 0;
    int zone = 0;
    struct pg_tm parts;
    fsec_t fraction = 0;
    TimestampTz value = 0;
    if (ParseDateTime(text, work, sizeof work, fields, types, MAXDATEFIELDS, &count) != 0) return false;
    if (compat::decode_datetime(fields, types, count, &kind, &parts, &fraction, &zone) != 0) return false;
    if (kind != DTK_DATE || tm2timestamp(&parts, fraction, &zone, &value) != 0) return false;
    instant->us = value;
    return true;
}

IntervalParts interval_parts(Datum interval) noexcept {
    const Interval* const value = DatumGetIntervalP(interval);
    return {value->month, value->day, value->time};
}

Datum interval_datum(core::Micros duration, MemoryContext context) {
    auto* const result = static_cast<Interval*>(allocate(sizeof(Interval), context));
    result->month = 0;
    result->day = 0;
    result->time = duration.us;
    return IntervalPGetDatum(result);
}

UuidBytes uuid_bytes(Datum uuid) noexcept {
    UuidBytes result;
    std::memcpy(result.bytes.data(), DatumGetUUIDP(uuid)->data, UUID_LEN);
    return result;
}

Datum uuid_datum(const UuidBytes& uuid, MemoryContext context) {
    auto* const result = static_cast<pg_uuid_t*>(allocate(sizeof(pg_uuid_t), context));
    std::memcpy(result->data, uuid.bytes.data(), UUID_LEN);
    return UUIDPGetDatum(result);
}

ElementType element_type(Oid type) {
    ElementType result{type, 0, false, '\0'};
    call<&get_typlenbyvalalign>(type, &result.length, &result.by_value, &result.alignment);
    return result;
}

Datum array_datum(ElementType type, std::span<const Datum> values, const bool* nulls, MemoryContext context) {
    const CurrentScope scope(context);
    const int count = static_cast<int>(values.size());
    return guarded([=] {
        if (count == 0) return PointerGetDatum(construct_empty_array(type.oid));
        int dims[1] = {count};
        int lower_bounds[1] = {1};
        return PointerGetDatum(construct_md_array(const_cast<Datum*>(values.data()), const_cast<bool*>(nulls),
                                                  1, dims, lower_bounds, type.oid, type.length, type.by_value,
                                                  type.alignment));
    });
}

Datum int8_array(std::span<const std::int64_t> values, MemoryContext context) {
    static_assert(FLOAT8PASSBYVAL && sizeof(Datum) == sizeof(std::int64_t));
    return array_datum(kInt8, {reinterpret_cast<const Datum*>(values.data()), values.size()}, nullptr,
                       context);
}

Elements array_elements(Datum array, ElementType type) {
    return guarded([=] {
        Elements result{nullptr, nullptr, 0};
        ArrayType* const value = DatumGetArrayTypeP(array);
        if (ARR_NDIM(value) > 1) {
            ereport(ERROR,
                    (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("wrong number of array subscripts"),
                     errdetail("The array must have one dimension.")));
        }
        Datum* values;
        bool* nulls;
        deconstruct_array(value, type.oid, type.length, type.by_value, type.alignment, &values, &nulls,
                          &result.count);
        result.values = values;
        result.nulls = nulls;
        return result;
    });
}

TupleDesc composite_desc(Oid type) {
    return guarded([type] { return BlessTupleDesc(lookup_rowtype_tupdesc_copy(type, -1)); });
}

Datum composite_datum(TupleDesc desc, const Datum* values, const bool* nulls) {
    return guarded([=] {
        return HeapTupleGetDatum(heap_form_tuple(desc, const_cast<Datum*>(values), const_cast<bool*>(nulls)));
    });
}

TupleDesc result_desc(FunctionCallInfo fcinfo) {
    return guarded([fcinfo] {
        TupleDesc desc;
        if (get_call_result_type(fcinfo, nullptr, &desc) != TYPEFUNC_COMPOSITE) {
            ereport(ERROR,
                    (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                     errmsg("function returning record called in context that cannot accept type record")));
        }
        return BlessTupleDesc(desc);
    });
}

std::optional<Datum> composite_attribute(Datum row, int number) {
    struct Attribute {
        Datum value;
        bool null;
    };
    const Attribute attribute = guarded([=] {
        Attribute result{Datum{0}, false};
        result.value =
            GetAttributeByNum(DatumGetHeapTupleHeader(row), static_cast<AttrNumber>(number), &result.null);
        return result;
    });
    return attribute.null ? std::nullopt : std::optional<Datum>(attribute.value);
}

std::optional<std::string_view> text_argument(FunctionCallInfo fcinfo, int index) {
    if (fcinfo->args[index].isnull) return std::nullopt;
    return text_view(fcinfo->args[index].value);
}

ResultSet::ResultSet(FunctionCallInfo fcinfo, Of of) : fcinfo_(fcinfo) {
    // Only the caller knows a descriptor for values that are no rows.
    call<&InitMaterializedSRF>(fcinfo, bits32{of == Of::values ? MAT_SRF_USE_EXPECTED_DESC : 0U});
    const auto* const info = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    store_ = info->setResult;
    desc_ = info->setDesc;
}

void ResultSet::put(const Datum* values, const bool* nulls) {
    guarded([=, this] {
        tuplestore_putvalues(store_, desc_, const_cast<Datum*>(values),
                             const_cast<bool*>(nulls == nullptr ? kNoNulls : nulls));
    });
}

}  // namespace foreman::pg
