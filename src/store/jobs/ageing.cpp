// See ageing.hpp.
#include "store/jobs/ageing.hpp"

#include "board/parts.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::store {

void turn_to_oldest(board::RangeChoice* choice, core::Instant now,
                    bool (*passes)(const void* arg, const board::RangeChoice& range), const void* arg) {
    const uint32 queue = board::range_hots()[choice->ref.index].queue_index;
    const board::RangeChoice given = *choice;
    core::Key oldest = core::kNoKey;
    board::RangeChoice r;
    for (uint32 i = 0; i < board::range_count(); i++) {
        if (board::range_hots()[i].queue_index != queue || board::range_hots()[i].database != MyDatabaseId)
            continue;
        if (!board::describe_range(board::range_at(MyDatabaseId, i), &r) || r.head.run_at > now.us ||
            !passes(arg, r))
            continue;
        const core::Key first = first_key({r.queue_name(), r.kind_name(), r.priority, r.alone}, r.head, {});
        if (first.run_at > now.us || !(first < oldest)) continue;
        oldest = first;
        *choice = r;
    }
    if (oldest == core::kNoKey) *choice = given;
    choice->most = 1;
}

}  // namespace foreman::store
