// See session_effect.hpp.
#include "store/db/session_effect.hpp"

namespace foreman::store {

namespace {
constinit bool g_effect = false;
}

void note_session_effect() noexcept { g_effect = true; }

bool session_effect() noexcept { return g_effect; }

void forget_session_effect() noexcept { g_effect = false; }

}  // namespace foreman::store
