// Executor slots of the board: who runs what, for which role of which database, and who must make room.
// Dispatchers reserve and reap slots; executors publish their job in their own slot; views and cancel read
// them. Invariant: a slot that is not free belongs to exactly one (database, role) and, once attached, to one
// process.
#pragma once

#include <string_view>

#include "board/board.hpp"
#include "pg/memory.hpp"

namespace foreman::store {

// ---- for dispatchers --------------------------------------------------------

/// Reserves a free slot for (database, role) within max_executors, respecting older demands. Returns -1 when
/// there is none; the demand is then remembered, and an executor that should make room has been asked to
/// leave.
int reserve_slot(Oid database, Oid role, int max_executors, Instant now) noexcept;
void free_slot(int slot) noexcept;
/// The slot of an executor that died with this job in hand; nothing when another has freed it already.
void free_dead_slot(int slot, int64 job_id) noexcept;
/// Slots that a dispatcher before this one reserved for executors that never came.
void free_starting_slots(Oid database) noexcept;
/// Slots of a database that is gone, or has no extension any more: of dead executors and of those that never
/// came.
void free_slots_left(Oid database) noexcept;
/// How many executors (starting, idle, busy) a role of a database has, and how many of them are idle.
struct RoleExecutors {
    int total;
    int idle;
    int starting;
};
RoleExecutors count_executors(Oid database, Oid role) noexcept;
int free_slots(int max_executors) noexcept;

/// Wakes one idle executor of the role; false when none is idle.
bool wake_executor(Oid database, Oid role) noexcept;
/// More is due for a role than its caller took: wakes another executor, or has one started where there is
/// room.
void wake_another(Oid database, Oid role) noexcept;
/// What became possible at `run_at` for a role: wakes an executor, or the dispatcher where it must act.
void wake_for(Oid database, Oid role, Instant run_at, Instant now) noexcept;
/// Asks all executors of a database to leave: level 1 at the group's end, 2 at once. Returns how many there
/// are.
int ask_to_leave(Oid database, uint32 level) noexcept;

// ---- for the executor that owns a slot --------------------------------------

/// false: the slot was given to somebody else meanwhile.
bool attach_slot(int slot, Oid database, Oid role) noexcept;
/// Marks the slot dead when a job was in hand (for the dispatcher to settle), free otherwise; wakes who waits
/// for room.
void detach_slot(Death death) noexcept;
ExecutorSlot* my_slot() noexcept;  ///< nullptr outside executors
int my_slot_number() noexcept;     ///< -1 outside executors

/// The executor works: it committed something, came to rest, or leaves because it is asked to.
void slot_proven() noexcept;
void slot_idle(Instant now) noexcept;
void slot_busy(Instant now) noexcept;
/// Publishes the job that starts now; kind and queue are only copied when they differ from the last.
void slot_begin_job(int64 job_id, std::string_view kind, std::string_view queue, int attempt,
                    Instant now) noexcept;
/// counts: whether a job is done with it.
void slot_end_job(bool counts = true) noexcept;
/// The job that runs is leased, not claimed by delete: its death has to be settled by the dispatcher.
void slot_outside_group(bool outside) noexcept;
void slot_hold(RangeRef range, Key key) noexcept;
/// The transaction in which this executor locks rows that stay; invalid: none.
void slot_transaction(TransactionId xid) noexcept;
/// Whether an executor of ours, or this process, runs jobs in this transaction.
bool is_executor_transaction(TransactionId xid) noexcept;
/// Clears the held key and answers it; the caller lowers the head afterwards when it gives the job back. In
/// this order.
Key slot_release(RangeRef* range) noexcept;
void slot_progress(double fraction, std::string_view note) noexcept;
/// After max_executors became less: asks this executor to leave when it is one too many.
void leave_if_too_many(int max_executors) noexcept;
/// Whether this executor should leave: asked to, or somebody else waits and its tenure is over.
uint32 should_leave(Instant now) noexcept;

// ---- for everybody ----------------------------------------------------------

struct SlotReading {
    int slot;
    int32 pid;
    Oid database, role;
    SlotState state;
    Death death;
    bool outside_group;
    bool proven;
    bool has_progress;
    Instant since, started_at;
    int64 job_id, jobs_done;
    int attempt;
    double progress;
    BoardName kind, queue;
    uint16 note_len;
    char note[kNoteBytes];
    RangeRef held_range;
    Key held_key;
};
bool read_slot(int slot, SlotReading* out) noexcept;  ///< false: free
/// The jobs that executors of this database run now.
void jobs_of_executors(pg::vector<int64>* ids);
/// Interrupts the executor that is running this job, if one is; true when a signal was sent.
bool interrupt_job(Oid database, int64 job_id) noexcept;
/// The job that the last interrupt sent to this executor was meant for, once; 0: nobody of us sent one.
int64 take_interrupt_target() noexcept;
/// The same without forgetting it.
int64 interrupt_target() noexcept;

}  // namespace foreman::store
