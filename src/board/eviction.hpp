// Keeping our workers out of a database while somebody drops, renames, moves or copies it, or drops the
// extension in it. Called by the utility hook, after it checked that the caller may do that. Invariant: a
// hold ends with the transaction that asked for it, whichever way that ends; the launcher starts no
// dispatcher while the holder lives.
#pragma once

#include "pg/prelude.hpp"

namespace foreman::board {

/// backend_type of processes that run one command in another database than its schedule's.
inline constexpr const char* kCommandProcess = "pg_foreman command";
/// And of those that record runs of cron.job.
inline constexpr const char* kClerkProcess = "pg_foreman clerk";

/// does: holds the database until the current transaction ends, and asks our workers in it to leave at once.
/// returns: false when the board knows nothing of the database: then nobody is in it.
/// needs: a transaction.
/// errors: 53200
bool hold_database(Oid database);
/// How many of our processes are still in a database that is held; those that came meanwhile are asked too.
int workers_left(Oid database) noexcept;

}  // namespace foreman::board
