// Commands of outside workers as events: those that stand in a history already, and those that are new.
#pragma once

#include <span>
#include <string_view>

#include "pg/memory.hpp"
#include "pg/prelude.hpp"

namespace foreman::store {

/// A command that the history of an instance has.
struct RecordedCommand {
    int64 sequence;  ///< of the command, not of the event
    std::string_view event_type, name;
};
/// does: finds those of the commands `sequences` that the history has, among events of `event_types`; what is their
///     name: the first of name, kind and workflow_id in the data.
/// cost: reads the events of the instance
void recorded_commands(int64 instance, std::span<const std::string_view> event_types,
                       std::span<const int64> sequences, MemoryContext context,
                       pg::vector<RecordedCommand>* out);
/// Whether any event of these types is there.
bool has_events_of(int64 instance, std::span<const std::string_view> event_types);

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
