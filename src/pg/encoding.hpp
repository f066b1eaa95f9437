// Texts in the encoding of the database: cut without cutting a character, and taken over from a database of
// another encoding. For all texts of users that go into a buffer of fixed size or come from another process.
// Invariant: what is valid in the database's encoding stays valid.
#pragma once

#include <cstring>
#include <string_view>

#include "pg/call.hpp"

namespace foreman::pg {

/// does: the longest prefix of `text` that has at most `bytes` bytes and ends at a character.
/// returns: a view into `text`.
/// cost: reads what it keeps
inline std::string_view cut(std::string_view text, std::size_t bytes) noexcept {
    if (text.size() <= bytes) return text;
    return text.substr(0, static_cast<std::size_t>(pg_mbcliplen(text.data(), static_cast<int>(text.size()),
                                                                static_cast<int>(bytes))));
}

/// What a buffer of `room` bytes kept of a text that may have been longer: its last character may be a part
/// of one.
inline std::string_view cut_end(std::string_view text, std::size_t room) noexcept {
    if (text.size() < room) return text;
    const int length = static_cast<int>(text.size());
    return text.substr(0, static_cast<std::size_t>(pg_mbcliplen(text.data(), length, length)));
}

/// does: copies a prefix of `text` into a buffer, zero-terminated.
template <std::size_t N>
void copy_cut(char (&to)[N], std::string_view text) noexcept {
    const std::string_view kept = cut(text, N - 1);
    kept.copy(to, kept.size());
    to[kept.size()] = '\0';
}

inline int database_encoding() noexcept { return GetDatabaseEncoding(); }

/// does: a text of another encoding in that of this database, in the memory context of the caller.
/// needs: a transaction.
/// errors: 22P05, 22021: a character has no equivalent, or is none
inline const char* from_encoding(const char* text, int encoding) {
    return guarded([=]() -> const char* {
        return pg_any_to_server(text, static_cast<int>(std::strlen(text)), encoding);
    });
}

/// The same for what is to be shown whatever it holds: where a character has no equivalent, all that are not
/// ASCII become question marks.
const char* shown_from_encoding(const char* text, int encoding);

}  // namespace foreman::pg
