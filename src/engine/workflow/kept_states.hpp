// States that this session folded last, for instances whose state is too large to be stored with every decision: the
// next input of the same session folds no event twice.
// Invariant: a state is kept for one version of the row of its instance. Whoever appends or masks events writes another
// version, and a rollback brings the one before back, so a state that is found is that of the row that is locked.
// At most kMostKept bytes; the one that was not used for longest makes way.
#pragma once

#include <optional>

#include "pg/prelude.hpp"
#include "store/workflows/instances.hpp"

namespace foreman::engine {

inline constexpr std::size_t kMostKept = 16UL * 1024 * 1024;

/// The state of a locked instance as `evolve` folds it, copied into `context`; nothing when it is not kept.
std::optional<Datum> find_kept_state(const store::Instance& instance, int64 evolve, uint64 generation,
                                     MemoryContext context);
/// does: keeps a state for the version of the row that this transaction wrote. generation: of all functions, as the
///     state was folded with them.
void keep_state(int64 instance, const store::RowVersion& version, int64 evolve, uint64 generation,
                Datum state);

}  // namespace foreman::engine
