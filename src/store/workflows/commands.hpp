// Commands of outside workers as events: those that stand in a history already, and those that are new.
#pragma once

#include <span>
#include <string_view>

#include "core/time.hpp"
#include "pg/memory.hpp"
#include "pg/prelude.hpp"

namespace foreman::store {

/// The word of the input that tells the end of a child which an earlier run of the parent started.
inline constexpr std::string_view kEarlierChild = "earlier_child_ended";
/// What the end of a child is to its parent, which has continued as new or not since it asked for the child.
std::string_view end_of_child(std::string_view on_end, bool has_continued);

/// A command that the history of an instance has.
struct RecordedCommand {
    int32 sequence;  ///< of the command, not of the event
    std::string_view event_type, name;
};
/// does: finds those of the commands of these numbers that the history has; what is their name: the first of name, kind
///     and workflow_id in the data.
/// cost: a look at an index for each number, however long the history is
void recorded_commands(int64 instance, std::span<const int32> numbers, MemoryContext context,
                       pg::vector<RecordedCommand>* out);
/// Whether any command was accepted.
bool has_commands(int64 instance);
/// does: appends what events_of_commands() answered as events from number `first` on.
/// needs: the row of the instance is locked
/// errors: 23505 when the history has one of the commands
void append_commands(std::string_view type, int64 instance, int64 first, Datum events, core::Instant at);

struct CommandEvent {
    std::string_view event_type;
    int32 index;  ///< in the array of commands
};
/// The events of commands, a jsonb array: each command is the data, without what kind of command it is.
Datum events_of_commands(Datum commands, std::span<const CommandEvent> events);
/// What is shown of a command that is not the one that the history has.
Datum difference(const RecordedCommand& recorded, std::string_view event_type, std::string_view name);

/// does: begins the instance that goes on for another one under the same id, with its place in the family, its search
///     attributes and its unique key
/// needs: the old one has ended as continued, and its row is locked
/// returns: its number
int64 continue_instance(int64 instance, core::Instant now);
/// The first events of the new instance: the start, then what the old one was told and has not used: signals that are
/// not in `consumed` (numbers of events), and a cancel.
Datum first_events(int64 old_instance, Datum input, std::span<const int64> consumed, MemoryContext context,
                   int64* count);

}  // namespace foreman::store
