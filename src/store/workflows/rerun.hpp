// What retry_workflow() and fork_workflow() need of the rows of a workflow that has been.
#pragma once

#include <optional>
#include <string_view>

#include "core/time.hpp"
#include "pg/memory.hpp"
#include "store/workflows/types.hpp"

namespace foreman::store {

/// Whether some effect of the instance has been undone, is being, or could not be.
bool has_undone(int64 instance);

/// Whether the effect that made the instance fail was retried since, and is under way or done.
bool failed_effect_tried(int64 instance);

/// Jobs that a failed instance waited for when it ended.
struct Unfinished {
    int64 dead = 0;           ///< the dead letter that made it fail; 0: it is gone
    pg::vector<int64> ended;  ///< of effects, whose end came too late
    explicit Unfinished(pg::ContextResource* memory) : ended(memory) {}
};
void read_unfinished(int64 instance, std::string_view kind, Unfinished* out);

/// does: a failed instance runs again.
/// needs: its row is locked
/// errors: 23505 when another running instance has its unique key
void reopen_instance(const WorkflowType& type, int64 instance);
/// does: sets the timers again that the end of the instance at `ended_at` cancelled.
/// errors: 55000 when the input of one was not kept
void restore_timers(int64 instance, std::string_view kind, core::Instant ended_at);
core::Instant ended_at(int64 instance);

/// The unique key of an instance; empty: it has none.
std::string_view unique_key_of(int64 instance, MemoryContext context);
/// does: copies the events up to number `last` from one instance to a new one, with its search attributes.
void copy_history(int64 from, int64 to, int64 last);

/// [{"type": "foreman.<what>", "data": {"by", "reason", ...}}] for append_events().
Datum own_event(const char* what, std::string_view by, std::optional<std::string_view> reason,
                std::optional<Datum> more);
/// {"workflow_id": ..., "sequence": ...}
Datum fork_origin(std::string_view id, int64 sequence);

}  // namespace foreman::store
