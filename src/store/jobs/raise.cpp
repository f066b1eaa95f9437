// See raise.hpp.
#include "store/jobs/raise.hpp"

#include "board/debug_points.hpp"
#include "store/commit/remember.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::store {

namespace {

std::optional<core::Key> raise(board::RangeRef ref, bool from_start) {
    if (TransactionIdIsValid(GetTopTransactionIdIfAny())) return std::nullopt;
    board::RangeChoice range;
    core::Key from;
    if (!board::describe_range(ref, &range) || !board::begin_raise(ref, &from)) return std::nullopt;
    try {
        core::Key held[board::kMaxSlots];
        const int n = board::held_keys(ref, held);
        const RangeSpec spec{range.queue_name(), range.kind_name(), range.priority, range.alone};
        const core::Key first =
            first_key(spec, from_start ? core::kFirstKey : from, {held, static_cast<std::size_t>(n)});
        board::debug_point(board::DebugPoint::inside_raise);
        board::finish_raise(ref, first);
    } catch (...) {
        board::abandon_raise(ref);
        throw;
    }
    // What is due later stood behind what was due: the dispatcher set no timer for it.
    const core::Key head = board::range_head(ref);
    const core::Instant now{GetCurrentTimestamp()};
    if (head != core::kNoKey && head.run_at > now.us)
        board::wake_for(MyDatabaseId, range.role, core::Instant{head.run_at}, now);
    return head;
}

}  // namespace

std::optional<core::Key> raise_range(board::RangeRef ref) { return raise(ref, false); }

std::optional<core::Key> raise_range_from_start(board::RangeRef ref) { return raise(ref, true); }

}  // namespace foreman::store
