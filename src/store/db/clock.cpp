// See clock.hpp.
#include "store/db/clock.hpp"

namespace foreman::store {

namespace {
constinit bool g_fake = false;
constinit core::Instant g_fake_now{};
}  // namespace

core::Instant now() noexcept { return g_fake ? g_fake_now : core::Instant{GetCurrentTimestamp()}; }

void set_fake_now(bool active, core::Instant instant) noexcept {
    g_fake = active;
    g_fake_now = instant;
}

bool clock_is_fake() noexcept { return g_fake; }

}  // namespace foreman::store
