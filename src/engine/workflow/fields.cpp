// See fields.hpp.
#include "engine/workflow/fields.hpp"

#include <cstdio>

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/encoding.hpp"
#include "request/job_object.hpp"

namespace foreman::engine {

namespace {

std::string_view string_of(const JsonbValue& v) noexcept {
    return {v.val.string.val, static_cast<std::size_t>(v.val.string.len)};
}

constexpr int kMaxShown = 64;

// Never half a character: what is raised may be stored as the error of a job.
int length(std::string_view text) noexcept { return static_cast<int>(pg::cut(text, kMaxShown).size()); }

}  // namespace

Fields::Fields(Subject subject, Datum jsonb, const char* path) : subject_(subject) {
    strlcpy(path_, path, kMaxPath);
    object_ = pg::guarded([jsonb]() -> JsonbContainer* { return &DatumGetJsonbP(jsonb)->root; });
    if (!JsonContainerIsObject(object_)) refuse("", "must be an object");
}

void Fields::refuse(const char* key, const char* what, std::string_view value) const {
    char where[160];
    std::snprintf(where, sizeof(where), "%s%s%s", path_, *path_ != '\0' && *key != '\0' ? "." : "", key);
    const char* name = *where == '\0' ? "the answer" : where;
    throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "%s workflow type \"%.*s\" is wrong: %s %s%s%.*s",
                      subject_.whose, static_cast<int>(subject_.type.size()), subject_.type.data(), name,
                      what, value.empty() ? "" : ": ", length(value), value.data())
        .detail("It was asked for workflow \"%.*s\".", static_cast<int>(subject_.id.size()),
                subject_.id.data());
}

void Fields::raise_at(const char* key, const pg::Failure& f) const {
    throw pg::Failure(f.sqlstate(), "%s workflow type \"%.*s\" is wrong: %s%s%s: %s", subject_.whose,
                      static_cast<int>(subject_.type.size()), subject_.type.data(), path_,
                      *path_ != '\0' && *key != '\0' ? "." : "", key, f.message())
        .detail("It was asked for workflow \"%.*s\".", static_cast<int>(subject_.id.size()),
                subject_.id.data())
        .hint("%s", f.hint());
}

void Fields::refuse_unknown(std::span<const std::string_view> allowed) const {
    uint32 known = 0;
    for (const std::string_view key : allowed) known += find(key) != nullptr ? 1 : 0;
    if (known == size()) return;
    const std::string_view unknown = request::first_unknown_key(object_, allowed);
    refuse("", "must not have the key", unknown);
}

std::optional<std::string_view> Fields::optional_name(const char* key) const {
    JsonbValue* v = find(key);
    if (v == nullptr || v->type == jbvNull) return std::nullopt;
    if (v->type != jbvString) refuse(key, "must be a string");
    return checked(key, [&] { return request::accept(core::check_name(key, string_of(*v))); });
}

std::string_view Fields::name(const char* key) const {
    const auto found = optional_name(key);
    if (!found) refuse(key, "is missing");
    return *found;
}

std::optional<Datum> Fields::value(JsonbValue* v, request::JsonType type, const char* key) const {
    return checked(key, [&] { return request::sql_value(v, type, key); });
}

Datum Fields::json_or_empty(const char* key) const {
    JsonbValue* v = find(key);
    const std::optional<Datum> found = v == nullptr ? std::nullopt : value(v, request::JsonType::jsonb, key);
    return found ? *found : pg::jsonb_from_text("{}");
}

Datum Fields::with_defaults(bool has_data, int32 version) const {
    JsonbContainer* object = object_;
    return pg::guarded([object, has_data, version] {
        const auto key = [](JsonbParseState** state, const char* name) {
            JsonbValue k;
            k.type = jbvString;
            k.val.string.val = const_cast<char*>(name);
            k.val.string.len = static_cast<int>(strlen(name));
            (void)pushJsonbValue(state, WJB_KEY, &k);
        };
        JsonbParseState* state = nullptr;
        (void)pushJsonbValue(&state, WJB_BEGIN_OBJECT, nullptr);
        key(&state, "type");
        (void)pushJsonbValue(&state, WJB_VALUE, getKeyJsonValueFromContainer(object, "type", 4, nullptr));
        key(&state, "data");
        if (has_data) {
            JsonbValue* data = getKeyJsonValueFromContainer(object, "data", 4, nullptr);
            (void)pushJsonbValue(&state, WJB_VALUE, data);
        } else {
            (void)pushJsonbValue(&state, WJB_BEGIN_OBJECT, nullptr);
            (void)pushJsonbValue(&state, WJB_END_OBJECT, nullptr);
        }
        key(&state, "version");
        JsonbValue number;
        number.type = jbvNumeric;
        number.val.numeric = int64_to_numeric(version);
        (void)pushJsonbValue(&state, WJB_VALUE, &number);
        return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, nullptr)));
    });
}

Fields Fields::object(const char* key) const {
    const JsonbValue* v = find(key);
    if (v->type != jbvBinary || !JsonContainerIsObject(v->val.binary.data)) refuse(key, "must be an object");
    Fields inner(subject_, v->val.binary.data);
    strlcpy(inner.path_, path_, kMaxPath);
    if (*path_ != '\0') strlcat(inner.path_, ".", kMaxPath);
    strlcat(inner.path_, key, kMaxPath);
    return inner;
}

void Fields::refuse_size(const char* key, uint32 most) const {
    char what[64];
    std::snprintf(what, sizeof(what), "must not have more than %u elements", most);
    refuse(key, what);
}

JsonbContainer* Fields::array(const char* key, uint32 most) const {
    const JsonbValue* v = find(key);
    if (v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data)) refuse(key, "must be an array");
    if (JsonContainerSize(v->val.binary.data) > most) refuse_size(key, most);
    return v->val.binary.data;
}

Fields Fields::element(const char* key, JsonbContainer* array, uint32 index) const {
    return element_of(subject_, key, array, index);
}

Fields Fields::element_of(Subject subject, const char* key, JsonbContainer* array, uint32 index) {
    const JsonbValue* v = pg::call<&getIthJsonbValueFromContainer>(array, index);
    Fields inner(subject, v->type == jbvBinary ? v->val.binary.data : nullptr);
    std::snprintf(inner.path_, sizeof(inner.path_), "%.60s[%u]", key, index);
    if (inner.object_ == nullptr || !JsonContainerIsObject(inner.object_))
        inner.refuse("", "must be an object");
    return inner;
}

std::string_view Fields::element_name(const char* key, JsonbContainer* array, uint32 index) const {
    const JsonbValue* v = pg::call<&getIthJsonbValueFromContainer>(array, index);
    if (v->type != jbvString) refuse(key, "must be an array of strings");
    return checked(key, [&] { return request::accept(core::check_name(key, string_of(*v))); });
}

store::NewJob Fields::job(std::span<const std::string_view> other_keys) const {
    return checked("", [&] { return request::job_of_object(object_, other_keys); });
}

}  // namespace foreman::engine
