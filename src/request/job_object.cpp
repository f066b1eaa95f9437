// See job_object.hpp.
#include "request/job_object.hpp"

#include <algorithm>

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/encoding.hpp"
#include "pg/error.hpp"

namespace foreman::request {

namespace {

constexpr std::array<JsonType, kParameterCount> kTypes{
    JsonType::text,    JsonType::jsonb, JsonType::text,     JsonType::integer, JsonType::instant,
    JsonType::integer, JsonType::text,  JsonType::duration, JsonType::text,    JsonType::text,
    JsonType::text,    JsonType::ids,   JsonType::text,     JsonType::id,      JsonType::duration,
    JsonType::instant, JsonType::texts, JsonType::jsonb};

bool is_parameter(std::string_view key) noexcept {
    return std::find(kParameterNames.begin(), kParameterNames.end(), key) != kParameterNames.end();
}

// The first key of the object for which `known` is false.
template <class Known>
std::string_view find_key(JsonbContainer* object, Known known) {
    JsonbIterator* it = pg::call<&JsonbIteratorInit>(object);
    JsonbValue v;
    for (;;) {
        const JsonbIteratorToken token = pg::call<&JsonbIteratorNext>(&it, &v, true);
        if (token == WJB_DONE) break;
        if (token != WJB_KEY) continue;
        const std::string_view key{v.val.string.val, static_cast<std::size_t>(v.val.string.len)};
        if (!known(key)) return key;
    }
    throw pg::Failure(ERRCODE_INTERNAL_ERROR, "an object has a key that cannot be found");
}

bool is_among(std::string_view key, std::span<const std::string_view> keys) noexcept {
    return std::find(keys.begin(), keys.end(), key) != keys.end();
}

[[noreturn]] void refuse_unknown_key(JsonbContainer* object, std::span<const std::string_view> other_keys) {
    const std::string_view key = find_key(
        object, [other_keys](std::string_view k) { return is_parameter(k) || is_among(k, other_keys); });
    throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "key \"%.*s\" is not a parameter of enqueue",
                      static_cast<int>(pg::cut(key, 64).size()), key.data())
        .hint(
            "Allowed: kind, args, queue, priority, run_at, max_attempts, unique_key, unique_for, "
            "on_conflict, concurrency_key, sequence_key, depends_on, on_dependency, batch_id, timeout, "
            "expires_at, tags and metadata.");
}

}  // namespace

store::NewJob job_of_object(JsonbContainer* object, std::span<const std::string_view> other_keys) {
    EnqueueValues values;
    uint32 known = 0;
    for (std::size_t i = 0; i < kParameterCount; i++) {
        JsonbValue* v = json_member(object, kParameterNames[i]);
        if (v == nullptr) continue;
        known++;
        values[i] = sql_value(v, kTypes[i], kParameterNames[i]);
    }
    if (json_member(object, kParameterNames[kArgs]) == nullptr) values[kArgs] = pg::jsonb_from_text("{}");
    for (const std::string_view key : other_keys) known += json_member(object, key) != nullptr ? 1 : 0;
    if (known != JsonContainerSize(object)) refuse_unknown_key(object, other_keys);
    store::NewJob job = check_options(values);
    check_args(values[kArgs]);
    job.args = *values[kArgs];
    return job;
}

std::string_view first_unknown_key(JsonbContainer* object, std::span<const std::string_view> known) {
    return find_key(object, [known](std::string_view k) { return is_among(k, known); });
}

}  // namespace foreman::request
