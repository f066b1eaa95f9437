// Values of jsonb objects as the SQL values that a function's parameters take. Used by enqueue_many().
// errors: 22023 for a value of another JSON type; what the types' input functions raise.
#pragma once

#include "request/arguments.hpp"

namespace foreman::request {

// What a parameter takes, and how it is written in JSON.
enum class JsonType { text, jsonb, integer, instant, duration, texts, id, ids };

/// JSON null is SQL NULL. The Datum is in CurrentMemoryContext.
OptionalDatum sql_value(JsonbValue* value, JsonType type, const char* argument);

/// The value of a key of an object; nullptr when it has none.
JsonbValue* json_member(JsonbContainer* object, std::string_view key);
/// The text of a key of a jsonb object; nothing where it has none, or another value. In CurrentMemoryContext.
OptionalText text_member(Datum jsonb, std::string_view key);
/// What kind of JSON value this is, in words with an article.
const char* json_type_name(const JsonbValue& value) noexcept;

}  // namespace foreman::request
