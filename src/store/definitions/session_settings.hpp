// When a role's or a database's settings change (ALTER ROLE or DATABASE ... SET), for sessions that began
// before: the server tells nobody. Noted by the utility hook (api), asked for by executors (worker).
// Invariant: a session that reads its settings after it asked for the generation has those of the generation,
// or later ones.
#pragma once

#include "pg/prelude.hpp"

namespace foreman::store {

/// The current transaction changes settings: told at its commit.
/// errors: 53200
void note_settings_change();
/// Some were changed by what has just been committed.
void tell_settings_changed() noexcept;
/// Changes with each of them; 0 without the board.
uint32 settings_generation() noexcept;

}  // namespace foreman::store
