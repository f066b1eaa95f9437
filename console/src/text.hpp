// What is done to text before it leaves the console or comes in: URLs, cookies, JSON. Plain functions without input or
// output.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace console {

using Fields = std::map<std::string, std::string, std::less<>>;

/// does:    decodes %XX and + of a part of a URL or of a form.
/// returns: nothing where it is malformed or holds a zero byte.
std::optional<std::string> decode_url(std::string_view text);

/// does:    reads name=value&name=value; the last one of a name counts.
/// returns: nothing where a part is malformed, or where there are more than 64.
std::optional<Fields> parse_fields(std::string_view text);

/// returns: the value of a cookie; empty when there is none.
std::string_view find_cookie(std::string_view header, std::string_view name);

/// returns: the text as a string of JSON, with its quotes; bytes that are not UTF-8 become U+FFFD.
std::string json_string(std::string_view text);

/// returns: an object of JSON whose values are strings.
std::string json_object(const Fields& fields);

/// does:    replaces values of keys that look like secrets, at any depth, by a fixed text.
/// needs:   valid JSON, as jsonb prints it.
std::string mask_secrets(std::string_view json);

/// returns: whether a key of args is taken for a secret: password, secret, token, authorization and their like.
bool is_secret_key(std::string_view key);

/// returns: the text for a log line: control characters and what is not ASCII as \xNN, cut to a length.
std::string for_log(std::string_view text, size_t length = 200);

/// returns: the text, or its first characters and "...": the server's errors repeat what they were given, of any length.
std::string shortened(std::string text, size_t length = 1000);

std::string to_hex(std::string_view bytes);

}  // namespace console
