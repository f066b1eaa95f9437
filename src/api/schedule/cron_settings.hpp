// The settings cron.*, for _PG_init.
#pragma once

namespace foreman::api {

/// does: defines pg_cron's settings, unless shared_preload_libraries names pg_cron, which defines them
///     itself: the server would not start with both.
void define_cron_settings();

}  // namespace foreman::api
