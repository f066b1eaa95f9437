// A note from the utility hook (api) to the executor's session (worker): a handler ran a statement whose
// effect outlives its subtransaction, such as SET CONSTRAINTS, LISTEN, or a cursor WITH HOLD.
#pragma once

namespace foreman::store {

void note_session_effect() noexcept;
/// Whether one was noted since the last forget_session_effect().
bool session_effect() noexcept;
void forget_session_effect() noexcept;

}  // namespace foreman::store
