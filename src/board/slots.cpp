// Executor slots: reservation within max_executors, waking and reading them. Locks: the
// directory LWLock to reserve and free slots; a slot's spinlock for its job. State is atomic.
#include "board/slots.hpp"

#include <algorithm>
#include <csignal>
#include <cstring>

#include "board/parts.hpp"
#include "board/rotation.hpp"
#include "board/settings.hpp"
#include "board/unsettled.hpp"
#include "pg/datum.hpp"
#include "pg/latch.hpp"

namespace foreman::board {

int reserve_slot(Oid database, Oid role, int max_executors, Instant now) noexcept {
    const PartGuard guard(BoardLock::directory, LW_EXCLUSIVE);
    int used = 0;
    int free_one = -1;
    for (int i = 0; i < kMaxSlots; i++) {
        const SlotState st = state_of(board().slots[i]);
        if (st == SlotState::free) {
            if (free_one < 0) free_one = i;
        } else if (st != SlotState::dead) {
            used++;
        }
    }
    const bool full = used >= max_executors || free_one < 0;
    if (full || !is_turn_of_locked(database, role)) {
        remember_demand_locked(database, role, full);
        return -1;
    }
    forget_demand_locked(database, role);
    ExecutorSlot& s = board().slots[free_one];
    s.database = database;
    s.role = role;
    s.pid = 0;
    s.procno = -1;
    s.since = now.us;
    s.tenure_since = pg::steady_now().us;
    pg_atomic_write_u32(&s.proven, 0);
    pg_atomic_write_u32(&s.leave, 0);
    pg_atomic_write_u64(&s.current_job, 0);
    pg_atomic_write_u64(&s.jobs_done, 0);
    pg_atomic_write_u64(&s.interrupt_target, 0);
    pg_atomic_write_u32(&s.xid, InvalidTransactionId);
    {
        const SpinScope spin(&s.mutex);
        s.death = static_cast<uint32>(Death::none);
        s.outside_group = false;
        s.has_progress = false;
        s.held_range = kNoIndex;
        s.kind.len = s.queue.len = s.note_len = 0;
    }
    pg_atomic_write_u32(&s.state, static_cast<uint32>(SlotState::starting));
    return free_one;
}

namespace {

void free_slot_locked(ExecutorSlot& s) noexcept {
    {
        const SpinScope spin(&s.mutex);
        s.held_range = kNoIndex;
    }
    forget_unsettled(&s);
    pg_atomic_write_u64(&s.current_job, 0);
    s.pid = 0;
    pg_atomic_write_u32(&s.state, static_cast<uint32>(SlotState::free));
    serve_oldest_demand_locked();
    tell_who_wants_room();
}

}  // namespace

void free_slot(int slot) noexcept {
    const PartGuard guard(BoardLock::directory, LW_EXCLUSIVE);
    free_slot_locked(board().slots[slot]);
}

void free_dead_slot(int slot, int64 job_id) noexcept {
    const PartGuard guard(BoardLock::directory, LW_EXCLUSIVE);
    ExecutorSlot& s = board().slots[slot];
    if (state_of(s) == SlotState::dead && pg_atomic_read_u64(&s.current_job) == static_cast<uint64>(job_id))
        free_slot_locked(s);
}

// Nobody is in it yet, or any more.
static void free_starting_slot_locked(ExecutorSlot& s, Oid database) noexcept {
    if (state_of(s) == SlotState::starting && s.database == database && s.pid == 0) free_slot_locked(s);
}

void free_starting_slots(Oid database) noexcept {
    const PartGuard guard(BoardLock::directory, LW_EXCLUSIVE);
    for (auto& s : board().slots) free_starting_slot_locked(s, database);
}

void free_starting_slot(int slot, Oid database) noexcept {
    const PartGuard guard(BoardLock::directory, LW_EXCLUSIVE);
    free_starting_slot_locked(board().slots[slot], database);
}

void free_slots_left(Oid database) noexcept {
    free_starting_slots(database);
    const PartGuard guard(BoardLock::directory, LW_EXCLUSIVE);
    for (auto& s : board().slots) {
        if (state_of(s) == SlotState::dead && s.database == database) free_slot_locked(s);
    }
}

RoleExecutors count_executors(Oid database, Oid role) noexcept {
    RoleExecutors n{};
    for (auto& s : board().slots) {
        const SlotState st = state_of(s);
        if (st == SlotState::free || st == SlotState::dead || s.database != database || s.role != role)
            continue;
        n.total++;
        if (st == SlotState::idle) n.idle++;
        if (st == SlotState::starting) n.starting++;
    }
    return n;
}

int free_slots(int max_executors) noexcept {
    int used = 0;
    for (auto& s : board().slots) {
        const SlotState st = state_of(s);
        if (st != SlotState::free && st != SlotState::dead) used++;
    }
    return max_executors - used;
}

void wake_another(Oid database, Oid role) noexcept {
    DatabaseSlot* d = database_slot(database);
    if (d == nullptr || wake_executor(database, role)) return;
    // Those that start, and those that are busy, look at the heads again before they rest.
    const RoleExecutors n = count_executors(database, role);
    if (n.starting > 0) return;
    bool may_start = n.total == 0 || free_slots(settings::max_executors) > 0;
    if (!may_start) {
        const Others others = others_do(database, role);
        if (others == Others::none) return;
        const bool newly = want_room(*d);
        may_start = others == Others::idle || (newly && others_do(database, role) >= Others::just_idle);
    }
    if (may_start && (pg_atomic_read_u32(&d->pokes) & kPokeDue) == 0) poke_dispatcher(database, kPokeDue);
}

bool wake_executor(Oid database, Oid role) noexcept {
    for (auto& s : board().slots) {
        if (state_of(s) != SlotState::idle || s.database != database || s.role != role) continue;
        uint32 expected = static_cast<uint32>(SlotState::idle);
        if (!pg_atomic_compare_exchange_u32(&s.state, &expected, static_cast<uint32>(SlotState::busy)))
            continue;
        set_latch(s.pid, s.procno);
        return true;
    }
    return false;
}

void wake_for(Oid database, Oid role, Instant run_at, Instant now) noexcept {
    DatabaseSlot* d = database_slot(database);
    if (d == nullptr || role == InvalidOid) return;
    // This pairs with slot_idle(): an executor sets its state to idle and then looks at the heads; here the head
    // was lowered first, and then the states are read. The barrier keeps that order.
    pg_memory_barrier();
    if (run_at > now) {
        if (run_at < d->next_wake.read()) poke_dispatcher(database, kPokeDue);
        return;
    }
    wake_another(database, role);
}

// To the process and to the programs that it started, as the server signals its own.
static bool signal_group(int32 pid, int signo) noexcept {
    return kill(-pid, signo) == 0 || kill(pid, signo) == 0;
}

int ask_to_leave(Oid database, uint32 level) noexcept {
    int n = 0;
    for (auto& s : board().slots) {
        const SlotState st = state_of(s);
        if (st == SlotState::free || st == SlotState::dead || s.database != database) continue;
        n++;
        const uint32 seen = pg_atomic_read_u32(&s.leave);
        if (seen >= level) continue;
        pg_atomic_write_u32(&s.leave, level);
        const int32 pid = s.pid;
        set_latch(pid, s.procno);
        if (level >= 2 && pid > 0) signal_group(pid, SIGTERM);
    }
    return n;
}

bool read_slot(int slot, SlotReading* out) noexcept {
    ExecutorSlot& s = board().slots[slot];
    out->state = state_of(s);
    if (out->state == SlotState::free) return false;
    const SpinScope spin(&s.mutex);
    out->slot = slot;
    out->pid = s.pid;
    out->database = s.database;
    out->role = s.role;
    out->death = static_cast<Death>(s.death);
    out->outside_group = s.outside_group;
    out->proven = pg_atomic_read_u32(&s.proven) != 0;
    out->has_progress = s.has_progress;
    out->since = Instant{s.since};
    out->started_at = Instant{s.started_at};
    out->job_id = static_cast<int64>(pg_atomic_read_u64(&s.current_job));
    out->jobs_done = static_cast<int64>(pg_atomic_read_u64(&s.jobs_done));
    out->attempt = s.attempt;
    out->progress = s.progress;
    out->kind = s.kind;
    out->queue = s.queue;
    out->note_len = s.note_len;
    std::memcpy(out->note, s.note, s.note_len);
    out->held_range = {s.held_range, s.held_generation};
    out->held_key = s.held_key;
    return true;
}

void jobs_of_executors(pg::vector<int64>* ids) {
    if (!board_present()) return;
    for (int i = 0; i < kMaxSlots; i++) {
        SlotReading r{};
        if (read_slot(i, &r) && r.database == MyDatabaseId && r.job_id != 0) ids->push_back(r.job_id);
    }
}

bool interrupt_job(Oid database, int64 job_id) noexcept {
    for (auto& s : board().slots) {
        if (s.database != database || pg_atomic_read_u64(&s.current_job) != static_cast<uint64>(job_id))
            continue;
        const int32 pid = s.pid;
        if (pid <= 0 || state_of(s) == SlotState::dead) continue;
        pg_atomic_write_u64(&s.interrupt_target, static_cast<uint64>(job_id));
        return signal_group(pid, SIGINT);
    }
    return false;
}

}  // namespace foreman::board
