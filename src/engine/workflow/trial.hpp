// A workflow type tried out in a test: a state folded from given events, and what decide answers an input in it.
// It is in this session's memory. Nothing is stored; what decide itself writes is rolled back.
#pragma once

#include "store/workflows/types.hpp"

namespace foreman::engine {

/// What decide answered the last input.
struct Answered {
    const char* type;  ///< of the workflow
    bool rejected;
    Datum answer;  ///< jsonb: what it rejected with, or the whole decision
};

/// does: begins a trial with the events of a jsonb array, which may be empty. The one before is forgotten.
/// errors: those of evolve and upcasters; 22023 for what is no event
void begin_trial(const store::WorkflowType& type, Datum events);
/// The type of the trial.
/// errors: 55000 when there is none
const store::WorkflowType& type_of_trial();
/// does: asks decide. The events of an accepted input are folded, so that another one may follow.
/// needs: `type` is type_of_trial()
/// errors: those of decide and evolve, after which the trial is as before; 22023 for a wrong decision
void try_input(const store::WorkflowType& type, Datum input);
/// errors: 55000 when no input was given
const Answered& answer_of_trial();

}  // namespace foreman::engine
