// Where a job is, in this snapshot: among those that have not ended, in the history, among dead letters.
#pragma once

#include <optional>
#include <string_view>

#include "board/board.hpp"
#include "core/job_state.hpp"
#include "core/time.hpp"

namespace foreman::store {

/// The letters are those of the statements that look into all three tables.
enum class Place : char { nowhere = '\0', live = 'l', history = 'h', dead = 'd' };

struct Found {
    Place place;
    core::StoredState state;
    board::BoardName queue;
    std::string_view queue_name() const noexcept { return {queue.text, queue.len}; }
};
/// Where a job is in this snapshot; Place::nowhere when it is nowhere.
Found find_job(int64 job_id);

/// State and result as await() answers them: nothing when the job does not exist.
struct Answer {
    std::string_view state;  // the nine names
    bool terminal;
    std::optional<Datum> result;
};
std::optional<Answer> read_answer(int64 job_id, core::Instant now, MemoryContext context);

}  // namespace foreman::store
