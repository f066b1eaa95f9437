// Types of workflows as they are defined: their functions by name, their settings, role and queue. Read through
// a cache of this process, which a change of any definition resets.
// Invariant: a type that exists has a handler of kind "workflow:TYPE", whose role and queue are the type's.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "pg/prelude.hpp"

namespace foreman::store {

/// Kinds of this beginning run the inputs of workflows; nobody registers a handler for one.
inline constexpr std::string_view kWorkflowKind = "workflow:";
/// Bytes of a type's name: with the beginning it is a kind.
inline constexpr int kMaxTypeBytes = 240;

enum class RecordInputs : uint8 { rejected, all, none };

struct Upcaster {
    const char* event_type;
    int32 from_version;
    const char* function;
};

struct WorkflowType {
    char name[256];
    bool exists;
    bool notices_dead_letters;
    RecordInputs record;
    int32 snapshot_every;
    Oid run_as;
    char kind[256];
    char queue[256];
    const char* decide;  ///< qualified name with types; empty: there is none
    const char* evolve;
    const char* is_terminal;
    const char* unique_key;
    Datum initial_state;  ///< jsonb
    std::optional<Datum> retain_completed;
    std::span<const Upcaster> upcasters;
    uint64 loaded;  ///< changes whenever the definition was read anew
    std::string_view type() const noexcept { return name; }
};

/// does: finds a type; exists is false when there is none.
/// cost: a hash probe; two reads after a change
const WorkflowType& find_workflow_type(std::string_view type);
/// errors: 42704 when there is none
const WorkflowType& require_workflow_type(std::string_view type);

struct NewWorkflowType {
    std::string_view type, decide, evolve, is_terminal, unique_key;
    Datum initial_state = 0;
    int32 snapshot_every = 100;
    std::string_view on_dead_letter, record_inputs;
    std::optional<Datum> retain_completed;
    std::string_view queue;
    Oid run_as = InvalidOid;
};
/// does: defines or redefines a type, and the handler of its kind.
/// returns: whether it is new
bool put_workflow_type(const NewWorkflowType& type);
/// does: keeps a type from being dropped, and from going to other deciders, until the end of the transaction. For who
///     begins an instance, which nobody else sees before that.
/// waits: for who does that now
/// errors: 42704 when it has been dropped, 40001 when it has gone to other deciders
void hold_type(const WorkflowType& type);
/// does: keeps instances of the type from beginning until the end of the transaction
/// waits: for the transactions in which some begin
/// returns: whether the type has an instance that runs
bool has_running_instances(std::string_view type);
/// returns: false when there is no such type
bool remove_workflow_type(std::string_view type);

/// returns: whether it is new
bool put_upcaster(std::string_view type, const Upcaster& upcaster);
/// returns: false when there is no such upcaster
bool remove_upcaster(std::string_view type, std::string_view event_type, int32 from_version);

}  // namespace foreman::store
