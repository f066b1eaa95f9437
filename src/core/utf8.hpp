// Cutting text without cutting a character. For what is stored with a size limit: error texts, notes,
// reasons. Invariant: valid UTF-8 stays valid; bytes that are not UTF-8 are cut without looking further than
// a character is long.
#pragma once

#include <cstddef>
#include <string_view>

namespace foreman::core {

/// does: the longest prefix of `text` that has at most `max_bytes` bytes and ends at a character boundary.
/// returns: a view into `text`.
/// cost: constant.
constexpr std::string_view truncate_utf8(std::string_view text, std::size_t max_bytes) noexcept {
    constexpr std::size_t kLongestTail = 3;  // continuation bytes (10xxxxxx) of the longest character
    if (text.size() <= max_bytes) return text;
    std::size_t cut = max_bytes;
    for (std::size_t back = 0; back <= kLongestTail && cut > 0; back++, cut--) {
        if ((static_cast<unsigned char>(text[cut]) & 0xC0U) != 0x80U) return text.substr(0, cut);
    }
    return text.substr(0, cut == 0 ? 0 : max_bytes);
}

}  // namespace foreman::core
