// URLs, cookies and JSON as text. Everything here sees what strangers send, or what is in their jobs.
#include "text.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace console {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr size_t max_fields = 64;
constexpr std::string_view masked = "\"(hidden)\"";

int hex_value(char c) {
    const char lower = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const size_t at = hex_digits.find(lower);
    return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && text.front() == ' ') {
        text.remove_prefix(1);
    }
    while (!text.empty() && text.back() == ' ') {
        text.remove_suffix(1);
    }
    return text;
}

// Bytes of the character of UTF-8 that begins here; 0: none does.
size_t utf8_length(std::string_view text) {
    const auto byte = [&](size_t i) -> unsigned {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const unsigned first = byte(0);
    const auto follows = [&](size_t i, unsigned low = 0x80U, unsigned high = 0xBFU) {
        return byte(i) >= low && byte(i) <= high;
    };
    if (first < 0x80U) {
        return 1;
    }
    if (first >= 0xC2U && first <= 0xDFU) {
        return follows(1) ? 2 : 0;
    }
    if (first >= 0xE0U && first <= 0xEFU) {
        const unsigned low = first == 0xE0U ? 0xA0U : 0x80U;
        const unsigned high = first == 0xEDU ? 0x9FU : 0xBFU;
        return follows(1, low, high) && follows(2) ? 3 : 0;
    }
    if (first >= 0xF0U && first <= 0xF4U) {
        const unsigned low = first == 0xF0U ? 0x90U : 0x80U;
        const unsigned high = first == 0xF4U ? 0x8FU : 0xBFU;
        return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
    }
    return 0;
}

// The end of a string of JSON that begins at its opening quote; its own length when it does not end.
size_t string_end(std::string_view json, size_t at) {
    for (size_t i = at + 1; i < json.size(); ++i) {
        if (json[i] == '\\') {
            ++i;
        } else if (json[i] == '"') {
            return i + 1;
        }
    }
    return json.size();
}

// The end of the value that begins here, whatever it holds.
size_t value_end(std::string_view json, size_t at) {
    size_t depth = 0;
    while (at < json.size()) {
        const char c = json[at];
        if (c == '"') {
            at = string_end(json, at);
            if (depth == 0) {
                return at;
            }
            continue;
        }
        if (c == '{' || c == '[') {
            ++depth;
        } else if (c == '}' || c == ']') {
            if (depth == 0) {
                return at;
            }
            if (--depth == 0) {
                return at + 1;
            }
        } else if (c == ',' && depth == 0) {
            return at;
        }
        ++at;
    }
    return at;
}

}  // namespace

std::optional<std::string> decode_url(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+') {
            out += ' ';
        } else if (text[i] == '%') {
            if (i + 2 >= text.size()) {
                return std::nullopt;
            }
            const int high = hex_value(text[i + 1]);
            const int low = hex_value(text[i + 2]);
            if (high < 0 || low < 0 || (high == 0 && low == 0)) {
                return std::nullopt;
            }
            out += static_cast<char>((high * 16) + low);
            i += 2;
        } else if (text[i] == '\0') {
            return std::nullopt;
        } else {
            out += text[i];
        }
    }
    return out;
}

std::optional<Fields> parse_fields(std::string_view text) {
    Fields fields;
    size_t count = 0;
    while (!text.empty()) {
        const std::string_view part = text.substr(0, text.find('&'));
        text.remove_prefix(std::min(text.size(), part.size() + 1));
        if (part.empty()) {
            continue;
        }
        if (++count > max_fields) {
            return std::nullopt;
        }
        const size_t equals = part.find('=');
        auto name = decode_url(part.substr(0, equals));
        auto value =
            decode_url(equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1));
        if (!name || !value) {
            return std::nullopt;
        }
        fields[*name] = *value;
    }
    return fields;
}

std::string_view find_cookie(std::string_view header, std::string_view name) {
    while (!header.empty()) {
        const std::string_view part = header.substr(0, header.find(';'));
        header.remove_prefix(std::min(header.size(), part.size() + 1));
        const std::string_view pair = trim(part);
        if (pair.size() > name.size() && pair.substr(0, name.size()) == name && pair[name.size()] == '=') {
            return pair.substr(name.size() + 1);
        }
    }
    return {};
}

std::string json_string(std::string_view text) {
    std::string out = "\"";
    while (!text.empty()) {
        const size_t length = utf8_length(text);
        const char c = text.front();
        if (length == 0) {
            out += "\\ufffd";
        } else if (length > 1) {
            out += text.substr(0, length);
        } else if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20U) {
            out += "\\u00";
            out += to_hex(text.substr(0, 1));
        } else {
            out += c;
        }
        text.remove_prefix(std::max<size_t>(length, 1));
    }
    return out + '"';
}

std::string json_object(const Fields& fields) {
    std::string out = "{";
    for (const auto& [name, value] : fields) {
        if (out.size() > 1) {
            out += ',';
        }
        out += json_string(name) + ':' + json_string(value);
    }
    return out + '}';
}

bool is_secret_key(std::string_view key) {
    static constexpr std::array<std::string_view, 11> words{
        "password", "passwd",  "passphrase", "secret",     "token",      "authorization",
        "apikey",   "api_key", "api-key",    "credential", "private_key"};
    std::string lower(key);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return std::any_of(words.begin(), words.end(),
                       [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

std::string mask_secrets(std::string_view json) {
    std::string out;
    out.reserve(json.size());
    size_t at = 0;
    while (at < json.size()) {
        if (json[at] != '"') {
            out += json[at++];
            continue;
        }
        const size_t end = string_end(json, at);
        const std::string_view text = json.substr(at, end - at);
        out += text;
        at = end;
        size_t colon = at;
        while (colon < json.size() && std::isspace(static_cast<unsigned char>(json[colon])) != 0) {
            ++colon;
        }
        if (colon >= json.size() || json[colon] != ':' || !is_secret_key(text)) {
            continue;
        }
        size_t value = colon + 1;
        while (value < json.size() && std::isspace(static_cast<unsigned char>(json[value])) != 0) {
            ++value;
        }
        out += ": ";
        out += masked;
        at = value_end(json, value);
    }
    return out;
}

std::string for_log(std::string_view text, size_t length) {
    std::string out;
    for (const char c : text.substr(0, length)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20U || byte > 0x7eU || c == '\\') {
            out += "\\x" + to_hex(std::string_view(&c, 1));
        } else {
            out += c;
        }
    }
    return text.size() > length ? out + "..." : out;
}

std::string shortened(std::string text, size_t length) {
    if (text.size() <= length) {
        return text;
    }
    // Not in the middle of a character of UTF-8.
    while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xc0U) == 0x80U) {
        --length;
    }
    text.resize(length);
    return text + "...";
}

std::string to_hex(std::string_view bytes) {
    std::string out;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        out += hex_digits[byte >> 4U];
        out += hex_digits[byte & 15U];
    }
    return out;
}

}  // namespace console
