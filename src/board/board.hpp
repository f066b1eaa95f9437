// The board: what must be shared faster than rows can be. Owned by the postmaster's shared memory, sized by
// foreman.board_memory. Called by every room above; absent (present() is false) when the library is not in
// shared_preload_libraries. Invariant: losing the board loses nothing that was committed; everything on it is
// a lower bound, a counter or a hint.
#pragma once

#include <span>
#include <string_view>

#include "board/layout.hpp"
#include "core/due_list.hpp"
#include "core/job_state.hpp"
#include "core/range_head.hpp"
#include "core/throttle.hpp"
#include "core/time.hpp"
#include "pg/prelude.hpp"

namespace foreman::board {

using core::BlockedOn;
using core::Instant;
using core::Key;

/// Asks for the shared memory; called once by _PG_init in the postmaster.
void request_board(int board_memory_mb, int max_waiters);

/// Whether the library was preloaded and shared memory is there.
bool board_present() noexcept;
Board& board() noexcept;

/// In the order in which they may be taken: who holds one may take those after it only (PartGuard sees to it).
/// directory: databases, slots of executors, waiters. waits: keys, awaited ends, named rate limits.
enum class BoardLock : int { leases = 0, ranges = 1, waits = 2, directory = 3, count = 4 };
/// LWLock of a part of the board. Nothing that can ereport may run while it is held.
LWLock* board_lock(BoardLock part) noexcept;

// ---- databases --------------------------------------------------------------

/// The slot of a database, or nullptr. Entries never move; a database keeps its slot until clear_database.
DatabaseSlot* database_slot(Oid database) noexcept;
DatabaseSlot* add_database_slot(Oid database) noexcept;  ///< nullptr when all are taken
/// Forgets everything about a database: ranges, queues, demands, its slot.
void clear_database(Oid database) noexcept;

/// Sets bits and wakes the dispatcher of the database, if it has one.
void poke_dispatcher(Oid database, uint32 bits) noexcept;
/// Wakes the launcher to look at databases again.
void poke_launcher(Oid database = InvalidOid) noexcept;
/// Sets the latch of a process that registered (pid, procno) on the board; a stale pair wakes a stranger,
/// which is harmless.
void set_latch(int32 pid, int32 procno) noexcept;

// ---- ranges: all claimable jobs of one (queue, kind, priority, alone) -------

// The bits of a range's `alone`: what its jobs have in common besides queue, kind and priority.
constexpr int16 kAlone = 1;  // a transaction for each
constexpr int16 kKeyed = 2;  // the row stays, locked, while the job runs, so that its key answers
// Enqueued while its kind had no handler, by somebody who may not feed every queue: that handler runs it in
// its own queue only.
constexpr int16 kUnvouched = 4;
constexpr bool is_alone(int16 alone) noexcept { return (alone & kAlone) != 0; }
constexpr bool is_keyed(int16 alone) noexcept { return (alone & kKeyed) != 0; }
constexpr bool is_unvouched(int16 alone) noexcept { return (alone & kUnvouched) != 0; }

struct RangeName {
    Oid database;
    std::string_view queue;
    std::string_view kind;
    int16 priority;
    int16 alone;
};

struct RangeRef {
    uint32 index = kNoIndex;
    uint32 generation = 0;
    bool valid() const noexcept { return index != kNoIndex; }
};

/// What an executor claims next: a copy of a range's identity and head, taken under its locks.
struct RangeChoice {
    RangeRef ref;
    Key head;
    Key pending;
    Oid role;
    uint32 lowered;       // see range_lowered
    bool drained;         // see note_drained
    uint32 most;          // how many jobs this claim may take, where the queue ages
    bool turn_of_oldest;  // see store/jobs/ageing.hpp
    int16 priority;
    int16 alone;
    uint16 queue_len;
    uint16 kind_len;
    char queue[kNameBytes];
    char kind[kNameBytes];
    std::string_view queue_name() const noexcept { return {queue, queue_len}; }
    std::string_view kind_name() const noexcept { return {kind, kind_len}; }
};

/// Lowers the head of a range to `key`, adding the range when it is new (then with its head at the
/// beginning). Called by commit and abort callbacks.
/// returns: the role that runs its jobs now: that of the range, or `role` where the board has none
/// cost: one hash probe under the ranges lock (about 0.2 us uncontended).
Oid lower_head(const RangeName& name, Oid role, Key key) noexcept;
/// The same by reference, for a range that was chosen before; when its entry was given away meanwhile, the
/// dispatcher is told to read the rows.
void lower_head(RangeRef ref, Key key) noexcept;

/// Lists the ranges to claim from next: of those of (database, role) that are due at `now`, whose queue is open
/// (neither paused nor cooling down) and which nobody drains, those with the least (priority, run_at, job_id) at their
/// heads. allow_alone: whether ranges of jobs that must run alone count; skip: entries to leave out.
/// returns: the end of the first mark for which a range was left out (note_drained), plus infinity: none was
/// cost: one pass over the ranges in use, 64 bytes each.
Instant list_due_ranges(Oid database, Oid role, Instant now, bool allow_alone, std::span<const uint32> skip,
                        core::DueList* list) noexcept;

/// How long a range is left to who drains it. A claim that got less than it asked for has in its hands what was due, but
/// for rows that others had locked, and the end of a foreign lock tells nobody: so the mark ends by time.
constexpr core::Micros kDrainFor = core::milliseconds(100);
/// A claim from the range got all that was due, and its transaction is not over: others need not look there before
/// another row becomes claimable, the head was raised, or kDrainFor has passed. lowered: as in the choice before the
/// claim.
void note_drained(RangeRef ref, uint32 lowered, Instant now) noexcept;
/// What was claimed waits again.
void forget_drained(RangeRef ref) noexcept;

/// Begins a raise; `from` is the key to read from. false when another process is raising this range or the
/// entry was given away.
bool begin_raise(RangeRef ref, Key* from) noexcept;
/// Ends it: head = min(first key seen, pending).
void finish_raise(RangeRef ref, Key first_seen) noexcept;
/// Gives up a raise; the head stays.
void abandon_raise(RangeRef ref) noexcept;
/// Jobs were claimed from a range: for queues that age.
void count_ageing(RangeRef ref, uint32 jobs) noexcept;
/// Rows of a range that were claimed from outside since its last raise: counts them, and asks whether a raise
/// is due.
void count_claimed(RangeRef ref, uint32 rows) noexcept;
bool raise_is_due(RangeRef ref, uint32 every) noexcept;
/// The same for whatever raise this process is in, at its end.
void abandon_raise() noexcept;
/// Counts how often a row of the range became claimable; what a claim did not find may be there once it
/// differs.
uint32 range_lowered(RangeRef ref) noexcept;
/// Current head; kNoKey when the entry was given away.
Key range_head(RangeRef ref) noexcept;
/// Fills a choice with names and head of an entry; false when it was given away. now: what a mark is compared with.
bool describe_range(RangeRef ref, RangeChoice* out, Instant now = core::kPlusInfinity) noexcept;
struct RangeState {
    bool known;    // it is on the board
    bool no_room;  // see note_room
};
RangeState read_range_state(const RangeName& name) noexcept;
/// Whether the board had room for the keys of the jobs that were to start from this range.
void note_room(RangeRef ref, bool room) noexcept;
/// Whether ranges of the database did not fit on the board.
bool is_off_board(Oid database) noexcept;
/// Ranges of the database are missing on the board, the first of those that executors run due at `due`.
void note_off_board(Oid database, Instant due) noexcept;
/// Finds or adds, with its head at the beginning when new. needed: in a full table one that may wait makes
/// room, or the one that has been there longest. Not valid: there is no room.
RangeRef find_range(const RangeName& name, Oid role, bool needed) noexcept;
/// Sets which role's executors run a kind; for every range of that kind in the database.
void set_kind_role(Oid database, std::string_view kind, Oid role) noexcept;
/// The same for one range.
void set_range_role(RangeRef ref, Oid role) noexcept;
/// Handlers changed: the roles of all ranges of the database are to be looked up.
void doubt_roles(Oid database) noexcept;
/// The next range from *from on whose role is to be looked up, which the caller does then; not valid: none.
RangeRef take_unsure_range(Oid database, uint32* from) noexcept;
/// Sets every head of the database to the beginning.
void reset_heads(Oid database) noexcept;

/// Keys that executors hold alone in this range; at most kMaxSlots.
int held_keys(RangeRef ref, Key* out) noexcept;

/// One pass over a database's ranges for its dispatcher: calls visit(role, head, when its queue opens).
using RangeVisit = void (*)(void* arg, uint32 index, Oid role, Key head, Instant queue_opens);
void visit_ranges(Oid database, RangeVisit visit, void* arg) noexcept;
/// i-th entry as a reference if it belongs to the database; for walking.
RangeRef range_at(Oid database, uint32 index) noexcept;
uint32 range_count() noexcept;

// ---- queues -----------------------------------------------------------------

struct QueueDelta {
    int32 live = 0;
    int32 enqueued = 0;
    int32 completed = 0;
    int32 failed = 0;
    int32 discarded = 0;
    int32 cancelled = 0;
};
/// How long jobs that ended waited after they were due, and ran.
struct JobTimes {
    core::Histogram wait;
    core::Histogram run;
    int64 wait_us = 0;
    int64 run_us = 0;
};
/// xid: of the transaction that made the change. now: of what completed, for the end of a cool-down. times may
/// be nullptr.
void add_queue_delta(Oid database, std::string_view queue, const QueueDelta& delta, const JobTimes* times,
                     FullTransactionId xid, Instant now) noexcept;
/// From when on jobs of the range's queue may be claimed: plus infinity while it is paused, otherwise the end
/// of its cool-down, which may have passed.
Instant range_opens_at(RangeRef ref) noexcept;
/// The range's queue found no room on the board: its row tells the settings.
bool queue_is_off_board(RangeRef ref) noexcept;
/// Somebody's limit was met at `now`: the queue cools down as core/throttle.hpp says.
void cool_queue(Oid database, std::string_view queue, const core::ThrottlePolicy& policy,
                Instant now) noexcept;
core::Cooling read_cooling(Oid database, std::string_view queue) noexcept;
/// Ends all cool-downs of the database.
void forget_coolings(Oid database) noexcept;
/// The clock was set back by `step`: cool-downs of the database end so much earlier by it, and pauses of
/// rates at once, for whoever claims next to reckon anew.
void move_queue_pauses(Oid database, core::Micros step) noexcept;

/// What a queue's row says, for the board: one queue at the commit that changed it; or all of a database,
/// where queues that are not named get the defaults. The second does nothing and answers false when a commit
/// came after `generation` was read.
struct NamedSettings {
    BoardName name;
    QueueSettings settings;
};
void set_queue_settings(Oid database, std::string_view queue, const QueueSettings& settings) noexcept;
uint32 queue_settings_generation(const DatabaseSlot& slot) noexcept;
bool replace_queue_settings(DatabaseSlot& slot, std::span<const NamedSettings> queues,
                            uint32 generation) noexcept;

struct QueueReading {
    uint32 index;
    BoardName name;
    int64 live, enqueued, completed, failed, discarded, cancelled;
    int64 scheduled, leased, pending;  // as the dispatcher counted last
    Instant throttled_until;
    Instant oldest_run_at;  // plus infinity: nothing is waiting
};
/// Copies up to `max` queue entries of a database; returns how many there are.
int read_queues(Oid database, QueueReading* out, int max) noexcept;

/// errors: 55000: `what` needs the board, which is there only when the library is preloaded
[[noreturn]] void refuse_without_board(const char* what);

}  // namespace foreman::board
