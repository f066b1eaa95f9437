// See raise.hpp.
#include "store/jobs/raise.hpp"

#include "board/debug_points.hpp"
#include "store/commit/remember.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::store {

namespace {

std::optional<Key> raise(RangeRef ref, bool from_start) {
    if (TransactionIdIsValid(GetTopTransactionIdIfAny())) return std::nullopt;
    RangeChoice range;
    Key from;
    if (!describe_range(ref, &range) || !begin_raise(ref, &from)) return std::nullopt;
    try {
        Key held[kMaxSlots];
        const int n = held_keys(ref, held);
        const RangeSpec spec{range.queue_name(), range.kind_name(), range.priority, range.alone};
        const Key first =
            first_key(spec, from_start ? core::kFirstKey : from, {held, static_cast<std::size_t>(n)});
        debug_point(DebugPoint::inside_raise);
        finish_raise(ref, first);
    } catch (...) {
        abandon_raise(ref);
        throw;
    }
    // What is due later stood behind what was due: the dispatcher set no timer for it.
    const Key head = range_head(ref);
    const Instant now{GetCurrentTimestamp()};
    if (head != core::kNoKey && head.run_at > now.us)
        wake_for(MyDatabaseId, range.role, Instant{head.run_at}, now);
    return head;
}

}  // namespace

std::optional<Key> raise_range(RangeRef ref) { return raise(ref, false); }

std::optional<Key> raise_range_from_start(RangeRef ref) { return raise(ref, true); }

}  // namespace foreman::store
