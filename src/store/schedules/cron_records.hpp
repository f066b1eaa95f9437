// From foreman.cron_note into cron.job_run_details. That table belongs to users: they lock it, put triggers
// and constraints on it, change its columns. So nobody who has other work writes it. Runs leave a note in our
// own table, in the transaction that begins or ends them; the clerk (worker/clerk.hpp), a session of the
// table's owner, copies what the notes say. Invariant: a note goes only in the transaction that recorded the
// end of its run.
#pragma once

#include "core/time.hpp"
#include "pg/memory.hpp"

namespace foreman::store {

using core::Instant;

/// When the first note that is not recorded is to be recorded; nothing: all are.
std::optional<core::Instant> next_record();
/// Their run_ids, in the order in which they are due.
void due_records(core::Instant now, int max, pg::vector<int64>* out);

/// does: copies one note; deferred triggers of the table fire inside.
/// needs: a transaction of its own
/// returns: false when somebody has locked the table, or the extension has gone.
/// errors: whatever triggers and constraints of the table raise
bool record_run(int64 run_id);
/// Whether cron.runid_seq gave a number that has a row already.
bool met_old_run_id(const pg::PgError& e) noexcept;
/// After an error: to be tried again later, after a longer pause each time.
/// returns: how often it failed
int postpone_record(int64 run_id, const char* error);
/// does: moves cron.runid_seq behind all rows.
/// returns: false when it stood there already
bool move_record_ids_on();

/// What is not recorded although it has been due for a while.
struct Unrecorded {
    int64 runs = 0;
    int64 seconds = 0;  // since the first
    char error[160] = {};
};
Unrecorded unrecorded_runs();

/// does: gives up notes that could not be recorded in a week.
/// returns: how many
int64 prune_notes(core::Instant now);

// ---- who is the clerk of this database

/// Makes this process the clerk; false when there is one.
bool become_clerk() noexcept;
void leave_clerk() noexcept;
/// Wakes it.
/// returns: false when there is none
bool wake_clerk() noexcept;

}  // namespace foreman::store
