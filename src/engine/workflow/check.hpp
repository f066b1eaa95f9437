// Stored histories folded with other functions, before a type gets them. Nothing is changed: what the functions write
// is rolled back.
#pragma once

#include "pg/memory.hpp"
#include "store/workflows/types.hpp"

namespace foreman::engine {

struct Candidate {
    const char* decide;  ///< qualified names with types; empty: there is none
    const char* evolve;
    const char* is_terminal;
};

struct Difference {
    std::string_view id;
    int64 sequence;
    const char* problem;  ///< error, state_differs, decision_differs, end_differs
    Datum detail;         ///< jsonb
};

/// does: folds the newest `sample` instances of a type with the candidate. Reports what raises; states that are not
///     those that the type's own evolve left in snapshots; kept inputs that decide answers with other events; ends that are none any more, and ends that come too early.
/// errors: 42883, 42501 for functions that cannot be called; whatever interrupts it
void check_candidate(const store::WorkflowType& type, const Candidate& candidate, int64 sample,
                     pg::vector<Difference>* out);

}  // namespace foreman::engine
