// See json_values.hpp.
#include "request/json_values.hpp"

#include <charconv>

#include "pg/error.hpp"
#include "pg/memory.hpp"

namespace foreman::request {

namespace {

bool is_array(const JsonbValue& v) noexcept {
    return v.type == jbvBinary && JsonContainerIsArray(v.val.binary.data);
}

[[noreturn]] void refuse_type(const JsonbValue& v, const char* argument, const char* wanted) {
    throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "%s must be %s, not %s", argument, wanted,
                      json_type_name(v));
}

std::string_view string_of(const JsonbValue& v) noexcept {
    return {v.val.string.val, static_cast<std::size_t>(v.val.string.len)};
}

// The number into *n, and as text for an error.  returns: as std::from_chars, invalid_argument for a fraction
template <class Int>
std::errc whole_number(const JsonbValue& v, const char** text, Int* n) {
    const Numeric number = v.val.numeric;
    *text = pg::guarded(
        [number] { return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(number))); });
    const auto [end, error] = std::from_chars(*text, *text + std::strlen(*text), *n);
    return *end == '\0' ? error : std::errc::invalid_argument;
}

// Beyond int4 it becomes the last value that int4 has, which no parameter allows.
Datum integer_of(const JsonbValue& v, const char* argument) {
    if (v.type != jbvNumeric) refuse_type(v, argument, "a number");
    const char* text = nullptr;
    int32 n = 0;
    const std::errc error = whole_number(v, &text, &n);
    if (error == std::errc::result_out_of_range)
        n = *text == '-' ? PG_INT32_MIN : PG_INT32_MAX;
    else if (error != std::errc{})
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "%s %s is not a whole number", argument, text);
    return Int32GetDatum(n);
}

int64 id_of(const JsonbValue& v, const char* argument) {
    if (v.type != jbvNumeric) refuse_type(v, argument, "a job's id");
    const char* text = nullptr;
    int64 n = 0;
    if (whole_number(v, &text, &n) != std::errc{})
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "%s %s is not a job's id", argument, text);
    return n;
}

Datum ids_of(const JsonbValue& v, const char* argument) {
    if (!is_array(v)) refuse_type(v, argument, "an array of job ids");
    JsonbContainer* array = v.val.binary.data;
    const uint32 n = JsonContainerSize(array);
    const pg::Context context("foreman json", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<int64> ids(&memory);
    for (uint32 i = 0; i < n; i++)
        ids.push_back(id_of(*pg::call<&getIthJsonbValueFromContainer>(array, i), argument));
    return pg::int8_array({ids.data(), ids.size()});
}

// Through the type's input function, as a literal in SQL.
Datum input(const JsonbValue& v, PGFunction function, const char* argument, const char* wanted) {
    if (v.type != jbvString) refuse_type(v, argument, wanted);
    const char* text = pg::copy_text(string_of(v));
    try {
        return pg::guarded([&] {
            return DirectFunctionCall3(function, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid),
                                       Int32GetDatum(-1));
        });
    } catch (const pg::PgError& e) {
        throw pg::Failure(e.sqlstate(), "%s: %s", argument, e.message()).hint("%s", e.hint());
    }
}

Datum texts_of(const JsonbValue& v, const char* argument) {
    if (!is_array(v)) refuse_type(v, argument, "an array of strings");
    JsonbContainer* array = v.val.binary.data;
    const uint32 n = JsonContainerSize(array);
    const pg::Context context("foreman json", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<Datum> texts(&memory);
    for (uint32 i = 0; i < n; i++) {
        const JsonbValue* element = pg::call<&getIthJsonbValueFromContainer>(array, i);
        if (element->type != jbvString) refuse_type(*element, argument, "an array of strings");
        texts.push_back(pg::text_datum(string_of(*element)));
    }
    return pg::array_datum(pg::kText, {texts.data(), texts.size()});
}

}  // namespace

OptionalDatum sql_value(JsonbValue* v, JsonType type, const char* argument) {
    if (v->type == jbvNull) return std::nullopt;
    switch (type) {
        case JsonType::text:
            if (v->type != jbvString) refuse_type(*v, argument, "a string");
            return pg::text_datum(string_of(*v));
        case JsonType::jsonb:
            return JsonbPGetDatum(pg::call<&JsonbValueToJsonb>(v));
        case JsonType::integer:
            return integer_of(*v, argument);
        case JsonType::instant:
            return input(*v, timestamptz_in, argument, "a string with a timestamp");
        case JsonType::duration:
            return input(*v, interval_in, argument, "a string with an interval");
        case JsonType::texts:
            return texts_of(*v, argument);
        case JsonType::id:
            return Int64GetDatum(id_of(*v, argument));
        case JsonType::ids:
            return ids_of(*v, argument);
    }
    return std::nullopt;
}

JsonbValue* json_member(JsonbContainer* object, std::string_view key) {
    return pg::call<&getKeyJsonValueFromContainer>(object, key.data(), static_cast<int>(key.size()),
                                                   static_cast<JsonbValue*>(nullptr));
}

OptionalText text_member(Datum jsonb, std::string_view key) {
    JsonbContainer* object =
        pg::guarded([jsonb]() -> JsonbContainer* { return &DatumGetJsonbP(jsonb)->root; });
    if (!JsonContainerIsObject(object)) return std::nullopt;
    const JsonbValue* v = json_member(object, key);
    if (v == nullptr || v->type != jbvString) return std::nullopt;
    return string_of(*v);
}

const char* json_type_name(const JsonbValue& v) noexcept {
    switch (v.type) {
        case jbvNull:
            return "null";
        case jbvString:
            return "a string";
        case jbvNumeric:
            return "a number";
        case jbvBool:
            return "a boolean";
        default:
            return is_array(v) ? "an array" : "an object";
    }
}

}  // namespace foreman::request
