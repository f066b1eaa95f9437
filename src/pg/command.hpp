// SQL commands as a client would send them, without a client: each statement at top level, so that VACUUM,
// CALL with COMMIT and explicit BEGIN .. COMMIT work. Results are thrown away.
#pragma once

#include "pg/prelude.hpp"

namespace foreman::pg {

/// Whether a parsed statement would talk to a client: COPY ... TO STDOUT or FROM STDIN. A background process
/// has none, and would write into the server's log.
bool needs_a_client(const RawStmt* statement) noexcept;

/// does: runs the statements of `sql`; several without BEGIN are one transaction, as in the simple query
///     protocol
/// errors: as the statements raise; the transaction is then aborted. 0A000 for a statement that needs a
///     client; 25001 when the last statement leaves a transaction block open: it is rolled back.
/// needs: no transaction open in this process Each statement may take statement_timeout.
void run_command(const char* sql);
/// What the last statement said, as clients see it: `INSERT 0 3`, `SELECT 1`, `VACUUM`. Empty without a
/// statement.
struct CommandTagText {
    char text[64];
};
void run_command(const char* sql, CommandTagText* tag);
/// One statement with a parameter $1, which lives longer than any transaction; a CALL may COMMIT.
/// statement_ms: how long it may take, or kSessionTimeout.
void run_command(const char* sql, Oid type, Datum value, int statement_ms);

/// One utility statement of ours, in the caller's transaction, as the server runs the parts of a larger one:
/// for which no event trigger fires. They are about commands that somebody gives, and would run in our
/// process, as the owner of our tables.
/// errors: as the statement raises, or whoever hooks into utility statements
void run_utility(const char* sql);

}  // namespace foreman::pg
