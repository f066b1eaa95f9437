// Executor slots of the board: who runs what, for which role of which database, and who must make room.
// Dispatchers reserve and reap slots; executors publish their job in their own (my_slot.hpp); views and cancel read
// them. Invariant: a slot that is not free belongs to exactly one (database, role) and, once attached, to one
// process.
#pragma once

#include <string_view>

#include "board/board.hpp"
#include "pg/memory.hpp"

namespace foreman::board {

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
/// A slot that an executor has left as starting, which a dispatcher before this one had started.
void free_starting_slot(int slot, Oid database) noexcept;
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

}  // namespace foreman::board
