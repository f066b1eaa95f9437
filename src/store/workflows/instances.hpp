// Instances of workflows as rows: locked, begun, moved on, ended; and their events.
// Invariant: whoever appends events holds the row of the instance locked, so they are numbered without gaps.
#pragma once

#include <optional>
#include <string_view>

#include "core/time.hpp"
#include "core/workflow.hpp"
#include "pg/memory.hpp"
#include "pg/prelude.hpp"
#include "store/workflows/types.hpp"

namespace foreman::store {

/// Which version of its row: no other one, of this or of another transaction, has the same.
struct RowVersion {
    TransactionId xid = InvalidTransactionId;
    BlockNumber block = InvalidBlockNumber;
    OffsetNumber offset = InvalidOffsetNumber;
    bool operator==(const RowVersion&) const = default;
};

struct Instance {
    int64 instance = 0;
    int64 root = 0;  ///< the first of those that continue one another
    core::InstanceState state = core::InstanceState::running;
    int64 sequence = 0;
    std::optional<Datum> folded;  ///< the state after event folded_sequence
    int64 folded_sequence = 0;
    int64 folded_by = 0;
    int64 parent = 0;
    RowVersion version;
    std::string_view on_end;
    int64 unseen = 0;  ///< weight of what came since a worker last submitted commands; only where they decide
    bool is_new = false;  ///< begun by this transaction, for this input
};

enum class Wait : uint8 { for_others, never };
/// Whether lock_instance() may say absent of one that went on as another instance while it was waited for: whoever begins
/// an instance then finds that one there, and locks again.
enum class Absent : uint8 { surely, perhaps };
enum class Locked : uint8 { yes, absent, busy };
/// does: locks the row of the instance that has this id now.
/// returns: busy where somebody else holds it and `wait` is never
/// errors: 40001 in a transaction that keeps its snapshot, 55P03 as the caller's lock_timeout says
Locked lock_instance(std::string_view type, std::string_view id, Wait wait, MemoryContext context,
                     Instance* out, Absent absent = Absent::surely);

struct NewInstance {
    const WorkflowType& type;
    std::string_view id;
    std::string_view unique_key = {};
    int64 root = 0;  ///< 0: its own number
    int64 parent = 0;
    std::string_view on_end = {};
    core::OnParentEnd on_parent_end = core::OnParentEnd::abandon;
};
/// does: begins an instance and locks its row.
/// returns: false when the id is there already; then lock that one. Also when the key has become free meanwhile: then
///     begin once more
/// errors: 23505 when a running instance of the type has the unique key; those of hold_type(); waits for an open transaction that begins
///     an instance of the same id or key, never longer than a moment where `wait` is never (55P03)
bool begin_instance(const NewInstance& instance, Wait wait, core::Instant now, Instance* out);
/// The instance that goes on for this one now: itself, unless it was continued. 0 for 0.
int64 current_instance(int64 instance);
/// The instance that the rejected input would have begun.
void forget_instance(int64 instance);

/// What changes with an accepted input.
struct Advance {
    int64 instance = 0;
    int64 sequence = 0;
    core::Instant at{};
    std::optional<Datum> search;  ///< merged into what is there; a null takes a key away
    std::optional<Datum> folded;  ///< keeps the old snapshot where there is none
    int64 folded_by = 0;
    int64 unseen = 0;  ///< weight of the new events for workers outside
};
/// returns: the version of the row that it wrote; none where that has a snapshot
std::optional<RowVersion> advance_instance(const Advance& advance);
void end_instance(int64 instance, core::InstanceState state, std::string_view reason, core::Instant at);
/// Which effect's dead letter made the instance fail.
void note_failed_effect(int64 instance, int64 effect);
/// does: merges search attributes into those of the instance.
void merge_search(int64 instance, Datum search);

struct Family {
    int64 instance, root;
    core::InstanceState state;
    std::string_view type, id;
    core::OnParentEnd on_parent_end;
};
/// The children of an instance that run; names in `context`.
void running_children(int64 parent, MemoryContext context, pg::vector<Family>* out);
/// returns: false when the instance is gone
bool read_family(int64 instance, MemoryContext context, Family* out);

/// does: keeps an instance from ending before this transaction does.
enum class Held : uint8 { runs, ended, busy };
Held hold_instance(int64 instance);

/// A type is known by (type, id); its newest instance.
/// returns: false when there is none
bool find_instance(std::string_view type, std::string_view id, MemoryContext context, Instance* out);

// ---- events -----------------------------------------------------------------

/// does: appends the elements of a jsonb array of {"type", "data", "version"} as events from number
///     `first` on.
/// needs: the row of the instance is locked; the elements were checked
void append_events(std::string_view type, int64 instance, int64 first, Datum events, core::Instant at);

struct EventPayload {
    std::string_view event_type;
    Datum payload;  ///< jsonb of the fields of foreman.event, without its position
};
/// does: reads the events from number `first` on as publishes have them; they live in `context`.
void event_payloads(std::string_view type, std::string_view id, int64 instance, int64 first,
                    MemoryContext context, pg::vector<EventPayload>* out);

struct StoredEvent {
    int64 sequence;
    int32 version;
    std::string_view type;
    Datum event;  ///< {"type", "data", "version"} as evolve gets it
};
/// does: reads the events after number `after` and up to `last`, at most `max`; they live in `context`.
void read_events(int64 instance, int64 after, int64 last, int max, MemoryContext context,
                 pg::vector<StoredEvent>* out);

}  // namespace foreman::store
