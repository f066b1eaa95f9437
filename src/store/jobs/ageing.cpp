// See ageing.hpp.
#include "store/jobs/ageing.hpp"

#include "board/parts.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::store {

void turn_to_oldest(RangeChoice* choice, Instant now,
                    bool (*passes)(const void* arg, const RangeChoice& range), const void* arg) {
    const uint32 queue = range_hots()[choice->ref.index].queue_index;
    const RangeChoice given = *choice;
    Key oldest = core::kNoKey;
    RangeChoice r;
    for (uint32 i = 0; i < range_count(); i++) {
        if (range_hots()[i].queue_index != queue || range_hots()[i].database != MyDatabaseId) continue;
        if (!describe_range(range_at(MyDatabaseId, i), &r) || r.head.run_at > now.us || !passes(arg, r))
            continue;
        const Key first = first_key({r.queue_name(), r.kind_name(), r.priority, r.alone}, r.head, {});
        if (first.run_at > now.us || !(first < oldest)) continue;
        oldest = first;
        *choice = r;
    }
    if (oldest == core::kNoKey) *choice = given;
    choice->most = 1;
}

}  // namespace foreman::store
