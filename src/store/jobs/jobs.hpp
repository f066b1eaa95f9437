// Jobs as rows: enqueue, claim, put back, finish. The rows of one group go in one statement each way.
// Called by api (enqueue, run_once) and by the executors; every call runs inside the caller's transaction.
// Invariant: a job is in exactly one of live_job, job_history and dead_letter in every snapshot.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "board/board.hpp"
#include "core/job_state.hpp"
#include "pg/memory.hpp"
#include "pg/spi.hpp"
#include "store/definitions/definitions.hpp"

namespace foreman::store {

// ---- enqueue ----------------------------------------------------------------

enum class OnConflict : uint8 { skip, replace, preserve_run_at, raise };

/// Arguments that were checked, defaults filled in.
struct NewJob {
    std::string_view kind, queue;
    int16 priority = 0;
    int16 max_attempts = kDefaultMaxAttempts;
    core::Instant run_at{};
    Oid role = InvalidOid;
    Datum args = 0;
    std::optional<int64> timeout_us;
    std::optional<core::Instant> expires_at;
    std::optional<Datum> tags, metadata;
    // What only some jobs have; none of it: the short way.
    std::string_view unique_key, concurrency_key, sequence_key;
    bool timer = false;      // unique_key is that of a timer
    bool fresh_key = false;  // nobody had this unique_key before this transaction
    OnConflict on_conflict = OnConflict::skip;
    std::optional<int64> unique_for_us;
    std::optional<Datum> depends_on;  // int8[] without NULLs
    bool run_anyway = false;          // when a dependency does not complete
    int64 batch_id = 0;
    int64 id = 0;            // 0: the next one
    bool unvouched = false;  // see kUnvouched
    core::Origin origin = core::Origin::none;
    int64 origin_id = 0;  // unless its origin is none
    bool has_keys() const noexcept {
        return !unique_key.empty() || !concurrency_key.empty() || !sequence_key.empty();
    }
    int16 alone() const noexcept {
        return static_cast<int16>((has_keys() ? board::kKeyed : 0) | (unvouched ? board::kUnvouched : 0));
    }
    bool is_plain() const noexcept { return !has_keys() && !depends_on && batch_id == 0; }
};

struct Inserted {
    int64 id;
    bool inserted;
    bool replaced;
};

/// An id for a job that is inserted later.
int64 next_job_id();
/// does: inserts one job, remembers it for the board; or, when its unique key is held, does what on_conflict
///     says.
/// returns: the job's id, new or existing.
/// errors: 23505 for OnConflict::raise; 22023 for unknown dependencies and batches; waits for an open
///     transaction that holds the key, as a unique index does.
/// cost: one prepared INSERT, two index entries; a key costs an index entry and a probe each
Inserted insert_job(const NewJob& job);
/// The same for many with equal options; args is a jsonb[] without NULLs. Ids go to `ids` in the order of the
/// array.
void insert_jobs(const NewJob& like, Datum args_array, pg::vector<int64>* ids);

/// Tells at commit of claimable jobs with equal options that were inserted by another statement.
void remember_new(const NewJob& job, int64 first_id, int count);

// ---- claim ------------------------------------------------------------------

/// A claimed job, its texts and values in the context given to claim().
struct Job {
    int64 job_id;
    core::Instant run_at, enqueued_at;
    int16 priority, attempt, max_attempts, alone;
    std::string_view queue, kind;
    Datum args;
    int64 timeout_us;  // -1: the handler's
    int16 crashes, interruptions;
    std::optional<core::Instant> expires_at;
    core::Instant claimed_at;  // of leased ones
    std::optional<Datum> tags, metadata, errors;
    int64 batch_id;  // 0: none
    core::Origin origin;
    int64 origin_id;  // unless its origin is none
    core::UniqueAs unique_as;
    bool held = false;  // claim_held() locked its row, which is still there
    std::string_view unique_key, concurrency_key, sequence_key;
    uint32 key_entries[2] = {board::kNoIndex,
                             board::kNoIndex};  // on the board, while this process holds them for it
    core::Key key() const noexcept { return {run_at.us, job_id}; }
    bool has_keys() const noexcept {
        return unique_as != core::UniqueAs::none || !concurrency_key.empty() || !sequence_key.empty();
    }
};

/// Copies a row that starts with the columns of store/jobs/job_columns.hpp.
void copy_job(const pg::Row& row, MemoryContext context, Job* out);

struct RangeSpec {
    std::string_view queue, kind;
    int16 priority, alone;
};

/// does: deletes up to `qty` due jobs of a range from `from` on, skipping locked ones, and returns them in
///     order.
/// needs: the caller's transaction is the one that will finish or put back each of them.
/// cost: one index scan from the head; about 3 us a row
void claim_by_delete(const RangeSpec& range, core::Key from, core::Instant now, int qty,
                     MemoryContext context, pg::vector<Job>* out);
/// Which jobs of a range are meant.
enum class Which : uint8 { all, timers };
/// does: locks up to `qty` due jobs of a keyed range and returns them in order; their rows stay.
/// needs: as claim_by_delete; in an executor the transaction's id is on the board before any row is locked
void claim_held(const RangeSpec& range, core::Key from, core::Instant now, int qty, MemoryContext context,
                pg::vector<Job>* out, Which which = Which::all);
/// Whether the handler that runs in this process holds the job by claim_held(): itself, or with others of its
/// group. To this transaction its row looks as if nobody had it.
bool is_held_here(int64 job_id) noexcept;
/// Marks a job that claim_held() locked as running under a random token (lane procedure).
void lease_held(int64 job_id, pg::UuidBytes* token);
/// does: makes jobs that claim_held() locked wait for their key; the dispatcher lets them go on.
void park(std::span<const Job> jobs, core::BlockedOn why);
/// does: parks up to `max` more claimable jobs of a concurrency key behind `after`.
/// returns: how many
int64 park_rest(const Job& after, int max);
/// The same of a sequence.
int64 park_rest_of_sequence(const Job& after, int max);
/// A waiting job has another run_at or priority: its range, or the key that it is parked behind, hears of it.
/// columns: queue, kind, priority, alone, run_at, job_id, state, blocked_on, concurrency_key
void remember_moved(const pg::Row& row);
/// The jobs of a sequence that may run next, in their order: at most `max` ids. may_start: only those before
/// the first that is not parked, so that nothing stands before them that waits or runs, or that would be
/// claimed before its turn.
enum class SequencePart { all, may_start };
void sequence_order(std::string_view queue, std::string_view key, bool skip_later, SequencePart part,
                    core::Instant now, int max, pg::vector<int64>* ids);

/// does: marks one due job running under a random token (lane procedure).
/// returns: false when none is due
bool claim_by_lease(const RangeSpec& range, core::Key from, core::Instant now, MemoryContext context,
                    Job* out, pg::UuidBytes* token);

/// The first key in a range from `from` on that is not in `held`, by a plain read with a fresh snapshot;
/// kNoKey: none.
core::Key first_key(const RangeSpec& range, core::Key from, std::span<const core::Key> held);

/// The first due key of a range whose job is not in `seen`.
core::Key first_unseen(const RangeSpec& range, core::Instant now, std::span<const int64> seen,
                       Which which = Which::all);

/// The next range after (queue, kind, priority, alone) that has claimable rows, with its first key; false: no
/// more.
struct RangeRow {
    char queue[board::kNameBytes];
    char kind[board::kNameBytes];
    uint16 queue_len, kind_len;
    int16 priority, alone;
    core::Key first;
    RangeSpec spec() const noexcept { return {{queue, queue_len}, {kind, kind_len}, priority, alone}; }
};
bool next_range(RangeRow* row, bool from_start);
/// The same as a choice without an entry on the board, to claim from `first` on.
void describe_row(const RangeRow& row, core::Key first, board::RangeChoice* out);

// ---- finish -----------------------------------------------------------------

/// An error of one attempt, kept with the job.
struct AttemptError {
    core::Instant at;
    int attempt;
    const char* sqlstate;
    const char *message, *detail, *hint, *context;
    bool uncharged = false;               // it was no attempt
    std::optional<Datum> detail_value{};  // jsonb; in place of the text
};
/// errors with one more appended, at most 32 kept, texts cut at 8 kB; a value that is longer becomes such a
/// text.
constexpr std::size_t kMaxErrorText = 8192;
Datum append_error(std::optional<Datum> errors, const AttemptError& error, MemoryContext context);

/// What is recorded of a job that ended, and what its observers hear (store/jobs/ended.hpp).
struct Ended {
    const Job* job;
    core::Next next;  // complete, cancel: to history; discard: to the dead letters; remove: observers only
    int16 attempt;    // charged, this one included
    std::optional<core::Instant> started_at;
    core::Instant finished_at;
    std::optional<Datum> result;  // jsonb
    std::string_view reason;
    std::optional<Datum> errors;  // jsonb array of all attempts; of a discarded job the last is what ended it
};
/// does: appends outcomes set-wise, and deletes the rows of jobs that are still held.
void record_ended(std::span<const Ended> ended);

/// does: inserts a claimed job again under its id, or updates its row when it is held; claimable at run_at.
void put_back(const Job& job, int16 attempt, int16 alone, core::Instant run_at, std::optional<Datum> errors);

/// Deletes rows of held jobs that become something else, or nothing.
void delete_held(std::span<const int64> ids);
/// Tells at commit whoever waits for the end of this job: sessions in await(), its batch, jobs that wait for
/// it or for a key of its.
void remember_end_of(const Job& job);

/// Unfinished jobs whose executors somebody terminated, again and again.
struct Interrupted {
    int64 jobs;
    int64 worst;  // the one with the most in a row
    int64 times;
};
Interrupted interrupted_jobs();

/// Marks waiting jobs to run in transactions of their own; those that somebody holds stay as they are.
void set_alone(std::span<const int64> ids);

// ---- leased jobs (lane procedure) -------------------------------------------

/// Deletes a leased job if the token still holds it; false: it does not (answer `lost`).
bool take_leased(int64 job_id, const pg::UuidBytes& token);
/// Deletes any leased job, whoever holds it, and reads it; for rescue.
bool take_leased_any(int64 job_id, MemoryContext context, Job* out);
/// Jobs leased in the server, by executors and by sessions in run_procedures_once().
struct Lease {
    int64 job_id;
    int32 pid;
    core::Instant claimed_at;
};
void leases_in_server(pg::vector<Lease>* leases);

}  // namespace foreman::store
