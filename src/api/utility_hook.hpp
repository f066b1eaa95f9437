// What of other people's commands concerns us: COMMIT PREPARED, statements of handlers that outlive a
// subtransaction, and whatever needs our workers out of a database.
#pragma once

namespace foreman::api {

/// Chains our hook before the one that is there. Once, by _PG_init.
void install_utility_hook() noexcept;

}  // namespace foreman::api
