// Errors as text: see result.hpp.
#include "core/result.hpp"

#include <cstddef>

#include "core/utf8.hpp"

namespace foreman::core {

namespace {

constexpr std::string_view kEllipsis = "...";

bool is_control(char c) noexcept {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
}

// Copies what fits and ends it with a zero; "..." stands for what does not fit.
template <std::size_t size>
void copy_text(char (&to)[size], std::string_view text) noexcept {
    const bool cut = text.size() > size - 1;
    std::size_t n = 0;
    for (const char c : truncate_utf8(text, cut ? size - 1 - kEllipsis.size() : size - 1)) {
        to[n++] = is_control(c) ? '?' : c;
    }
    if (cut) {
        for (const char c : kEllipsis) to[n++] = c;
    }
    to[n] = '\0';
}

}  // namespace

Error make_error(ErrorCode code, std::string_view argument, std::string_view value,
                 std::string_view allowed) noexcept {
    Error error;
    error.code = code;
    error.argument = argument;
    copy_text(error.value, value);
    copy_text(error.allowed, allowed);
    return error;
}

Error null_argument(std::string_view argument) noexcept {
    return make_error(ErrorCode::null_value, argument, "", "a value that is not NULL");
}

}  // namespace foreman::core
