// The clock of the engine: the server's, or foreman.fake_now for this session's own calls while workers are
// stopped.
#pragma once

#include "core/time.hpp"
#include "pg/prelude.hpp"

namespace foreman::store {

/// The instant that counts as now for what this session does.
core::Instant now() noexcept;
/// Set by the setting's assign hook; nullptr: the server's clock.
void set_fake_now(bool active, core::Instant instant) noexcept;
bool clock_is_fake() noexcept;

}  // namespace foreman::store
