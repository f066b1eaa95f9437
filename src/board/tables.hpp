// How much of each table of the board is in use, and whether somebody found no room in it lately. Called by
// health() and the view metrics. cost: two passes over short tables; nothing is locked for long.
#pragma once

#include <array>

#include "board/layout.hpp"
#include "core/time.hpp"

namespace foreman::board {

struct TableReading {
    const char* name;     // as in metrics
    const char* holds;    // in words
    const char* setting;  // that makes it larger; nullptr: none does
    uint32 used;
    uint32 capacity;
    core::Instant refused_at;  // minus infinity: never
};
std::array<TableReading, kBoardTables> read_board_tables(core::Instant now) noexcept;

}  // namespace foreman::board
