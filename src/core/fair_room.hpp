// How a table of a fixed size is shared by roles that nobody counted before: a role may take one more entry
// while it holds fewer than are free. Alone, it gets half of the table; the next one half of the rest;
// whoever comes next finds room. Called by the tables of the board (board/parts.hpp).
#pragma once

#include <cstdint>

namespace foreman::core {

/// held: entries of the role; used: of all roles together.
constexpr bool has_fair_room(std::uint32_t held, std::uint32_t used, std::uint32_t capacity) noexcept {
    return used < capacity && held < capacity - used;
}

}  // namespace foreman::core
