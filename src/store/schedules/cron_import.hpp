// Taking over an installation of pg_cron: its jobs, runs, sequences and grants. Called by
// api/schedule/cron_import.cpp, as the superuser who called that. Invariant: all of it is one transaction;
// what cannot be kept keeps pg_cron.
#pragma once

#include "pg/prelude.hpp"

namespace foreman::store {

/// does: replaces extension pg_cron by pg_foreman_cron with the same rows.
/// returns: how many jobs
/// errors: 55000 when there is no pg_cron; 2BP01 when other objects depend on it
int64 import_pg_cron();

}  // namespace foreman::store
