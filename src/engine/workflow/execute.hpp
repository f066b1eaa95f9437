// One input of a workflow, handled in the caller's transaction: the instance is locked or begun, its state folded,
// decide asked, and what it decided written. Called by execute() and by the jobs that handle inputs.
// Invariant: a rejected input leaves nothing; an accepted one leaves its events and all that they ask for.
#pragma once

#include <optional>

#include "engine/workflow/fold.hpp"
#include "store/workflows/inputs.hpp"

namespace foreman::engine {

struct Handled {
    /// accepted, rejected or already_completed; pending: not handled, workers outside have too much to look at already
    core::InputState outcome = core::InputState::accepted;
    std::optional<Datum> rejection;
    int64 first_sequence = 0;
    int64 last_sequence = 0;
    bool repeated = false;  ///< an input of this input_id was handled before: this is what it was answered
};

struct HandleOptions {
    store::Wait wait = store::Wait::for_others;
    std::optional<int64> expected_sequence;
};

/// does: handles an input.
/// returns: nothing where somebody else holds the instance and options.wait is never
/// errors: what the type's functions raise; 22023 for a wrong decision; 40001 for another expected_sequence; 55000 when
///     the type is decided outside; 23505 for a unique key that is held
/// cost: the row of the instance is written once, each event, effect and timer is a row
std::optional<Handled> handle_input(const store::WorkflowType& type, const store::Input& input,
                                    const HandleOptions& options);

/// Whether a handled input is kept.
bool keeps_record(const store::WorkflowType& type, std::string_view input_id,
                  core::InputState outcome) noexcept;

/// does: ends an instance that runs, whatever it waits for: its timers go, its children end as they were told to, and
///     its parent hears of it. undo: what was done is undone, the last first.
/// needs: its row is locked
struct Ending {
    core::InstanceState state;
    std::string_view reason;
    bool undo = false;
    std::optional<Datum> result;  ///< for the parent
};
void end_workflow(const store::WorkflowType& type, std::string_view id, const store::Instance& instance,
                  const Ending& ending);

}  // namespace foreman::engine
