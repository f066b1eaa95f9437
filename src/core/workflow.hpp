// The letters that stand in the tables of workflows, by name; sql/parts/75_workflows.sql lists the same ones.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace foreman::core {

/// Types of events of this beginning are recorded by us for operators: decide makes none, evolve sees none.
inline constexpr std::string_view kOwnEvents = "foreman.";

/// Kinds of this beginning are tasks for workers outside, who decide for types without decide.
inline constexpr std::string_view kTaskKind = "workflow-task:";

/// workflow_instance.state
enum class InstanceState : char {
    running = 'r',
    completed = 'c',
    cancelled = 'x',
    terminated = 't',
    failed = 'f',
    continued = 'n'  ///< as another instance of the same id
};

/// workflow_input.state
enum class InputState : char {
    pending = 'p',
    accepted = 'a',
    rejected = 'r',
    already_completed = 'o',  ///< it came after the end
    dead = 'd'                ///< its job is a dead letter
};

/// workflow_input.source
enum class InputSource : char {
    execute = 'e',
    signal = 's',
    effect = 'r',
    timer = 't',
    child_end = 'c',
    child_start = 'b',
    cancel = 'x',
    terminate = 'k',  ///< its parent ended; decide is not asked
    undo = 'u',       ///< an effect completed after the end that undoes it; decide is not asked
    task_lost = 'w',  ///< workers outside could not do a task; the instance is parked
    fail = 'f'        ///< nobody can handle a dead letter; decide is not asked
};

/// How much of its history the workers of a type that is decided outside have not seen; beyond it, inputs wait outside
/// of the history. An event weighs at least so much that there are at most 1,024.
inline constexpr std::int64_t kMostUnseen = std::int64_t{1} << 20;
constexpr std::int64_t unseen_weight(std::int64_t events, std::size_t bytes) noexcept {
    return std::max(events * 1024, static_cast<std::int64_t>(bytes));
}
/// Inputs that keep their place behind signals that wait so. The others change what runs, and must not wait for a worker.
constexpr bool keeps_its_place(InputSource source) noexcept {
    return source == InputSource::signal || source == InputSource::effect || source == InputSource::child_end;
}

/// workflow_instance.on_parent_end
enum class OnParentEnd : char { cancel = 'c', terminate = 't', abandon = 'a' };

/// workflow_effect.state
enum class EffectState : char {
    open = 'o',
    completed = 'c',
    failed = 'f',
    cancelled = 'x',
    undoing = 'u',
    undone = 'n',
    undo_dead = 'd'
};

/// The word that users read for a state.
constexpr const char* state_word(InstanceState state) noexcept {
    switch (state) {
        case InstanceState::running:
            return "running";
        case InstanceState::completed:
            return "completed";
        case InstanceState::cancelled:
            return "cancelled";
        case InstanceState::terminated:
            return "terminated";
        case InstanceState::failed:
            return "failed";
        case InstanceState::continued:
            return "continued";
    }
    return "unknown";
}

}  // namespace foreman::core
