// See json_object.hpp.
#include "pg/json_object.hpp"

#include "pg/call.hpp"

namespace foreman::pg {

namespace {

JsonbValue text_value(std::string_view text) noexcept {
    JsonbValue v{};
    v.type = jbvString;
    v.val.string.val = const_cast<char*>(text.data());
    v.val.string.len = static_cast<int>(text.size());
    return v;
}

}  // namespace

JsonObject::JsonObject() {
    guarded([this] { (void)pushJsonbValue(&state_, WJB_BEGIN_OBJECT, nullptr); });
}

void JsonObject::push(std::string_view name, JsonbValue* value) {
    JsonbValue key = text_value(name);
    guarded([&] {
        (void)pushJsonbValue(&state_, WJB_KEY, &key);
        (void)pushJsonbValue(&state_, WJB_VALUE, value);
    });
}

JsonObject& JsonObject::text(std::string_view name, std::string_view value) {
    JsonbValue v = text_value(value);
    push(name, &v);
    return *this;
}

JsonObject& JsonObject::number(std::string_view name, int64 value) {
    JsonbValue v{};
    v.type = jbvNumeric;
    v.val.numeric = guarded([value] { return int64_to_numeric(value); });
    push(name, &v);
    return *this;
}

JsonObject& JsonObject::json(std::string_view name, Datum jsonb) {
    JsonbValue v{};
    guarded([&] { JsonbToJsonbValue(DatumGetJsonbP(jsonb), &v); });
    push(name, &v);
    return *this;
}

Datum JsonObject::done() {
    return guarded([this] {
        return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state_, WJB_END_OBJECT, nullptr)));
    });
}

Datum merged_objects(Datum first, Datum second) {
    return guarded([=] { return DirectFunctionCall2(jsonb_concat, first, second); });
}

}  // namespace foreman::pg
