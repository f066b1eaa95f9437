// See my_slot.hpp. Locks: the directory LWLock to attach and free the slot; its spinlock for its job.
#include "board/my_slot.hpp"

#include <algorithm>
#include <cstring>

#include "board/flight_recorder.hpp"
#include "board/parts.hpp"
#include "board/rotation.hpp"
#include "board/slots.hpp"
#include "board/unsettled.hpp"
#include "pg/latch.hpp"

namespace foreman::board {

namespace {

constinit int g_my_slot = -1;

constinit TransactionId g_my_transaction = InvalidTransactionId;  // also without a slot: run_once()

}  // namespace

bool attach_slot(int slot, Oid database, Oid role) noexcept {
    const PartGuard guard(BoardLock::directory, LW_EXCLUSIVE);
    ExecutorSlot& s = board().slots[slot];
    if (state_of(s) != SlotState::starting || s.database != database || s.role != role || s.pid != 0)
        return false;
    g_my_slot = slot;
    s.pid = MyProcPid;
    s.procno = pg::this_process().procno;
    return true;
}

void detach_slot(Death death) noexcept {
    if (g_my_slot < 0) return;
    const int slot = g_my_slot;
    g_my_slot = -1;
    ExecutorSlot& s = board().slots[slot];
    const Oid database = s.database;
    // Its session could not begin, or ended before it had done anything: the dispatcher wants to know.
    const bool failed = pg_atomic_read_u32(&s.proven) == 0 && pg_atomic_read_u64(&s.current_job) == 0;
    if (failed || state_of(s) == SlotState::starting) {
        forget_unsettled(&s);
        s.pid = 0;
        pg_atomic_write_u32(&s.state, static_cast<uint32>(SlotState::starting));
        poke_dispatcher(database, kPokeExecutor);
        return;
    }
    record_idle(slot);  // should the server crash before another runs here
    const bool settle = death >= Death::terminated || (death != Death::none && s.outside_group);
    if (!settle || pg_atomic_read_u64(&s.current_job) == 0) {
        free_slot(slot);
    } else {
        {
            const SpinScope spin(&s.mutex);
            s.death = static_cast<uint32>(death);
        }
        s.pid = 0;
        pg_atomic_write_u32(&s.state, static_cast<uint32>(SlotState::dead));
    }
    poke_dispatcher(database, kPokeExecutor);
}

int my_slot_number() noexcept { return g_my_slot; }

ExecutorSlot* my_slot() noexcept { return g_my_slot < 0 ? nullptr : &board().slots[g_my_slot]; }

void slot_proven() noexcept {
    ExecutorSlot* s = my_slot();
    if (s == nullptr || pg_atomic_read_u32(&s->proven) != 0) return;
    pg_atomic_write_u32(&s->proven, 1);
    poke_dispatcher(s->database, kPokeDue);
}

void slot_idle(Instant now) noexcept {
    ExecutorSlot* s = my_slot();
    if (s == nullptr) return;
    s->since = now.us;
    pg_atomic_write_u32(&s->state, static_cast<uint32>(SlotState::idle));
    pg_memory_barrier();
    tell_who_wants_room();
}

void slot_busy(Instant now) noexcept {
    ExecutorSlot* s = my_slot();
    if (s == nullptr) return;
    s->since = now.us;
    pg_atomic_write_u32(&s->state, static_cast<uint32>(SlotState::busy));
}

void slot_begin_job(int64 job_id, std::string_view kind, std::string_view queue, int attempt,
                    Instant now) noexcept {
    ExecutorSlot* s = my_slot();
    if (s == nullptr) return;
    {
        const SpinScope spin(&s->mutex);
        s->started_at = now.us;
        s->attempt = attempt;
        s->has_progress = false;
        if (name_view(s->kind) != kind) set_name(&s->kind, kind);
        if (name_view(s->queue) != queue) set_name(&s->queue, queue);
    }
    pg_atomic_write_u64(&s->current_job, static_cast<uint64>(job_id));
    record_job(g_my_slot, s->database, job_id);
}

void slot_end_job(bool counts) noexcept {
    ExecutorSlot* s = my_slot();
    if (s == nullptr) return;
    record_idle(g_my_slot);
    pg_atomic_write_u64(&s->current_job, 0);
    if (counts) pg_atomic_write_u64(&s->jobs_done, pg_atomic_read_u64(&s->jobs_done) + 1);
}

void slot_outside_group(bool outside) noexcept {
    ExecutorSlot* s = my_slot();
    if (s == nullptr) return;
    const SpinScope spin(&s->mutex);
    s->outside_group = outside;
}

void slot_hold(RangeRef range, Key key) noexcept {
    ExecutorSlot* s = my_slot();
    if (s == nullptr) return;
    const SpinScope spin(&s->mutex);
    s->held_range = range.index;
    s->held_generation = range.generation;
    s->held_key = key;
}

void slot_transaction(TransactionId xid) noexcept {
    g_my_transaction = xid;
    ExecutorSlot* s = my_slot();
    if (s == nullptr) return;
    pg_atomic_write_u32(&s->xid, xid);
    pg_memory_barrier();
}

bool is_executor_transaction(TransactionId xid) noexcept {
    if (!TransactionIdIsValid(xid)) return false;
    if (xid == g_my_transaction) return true;
    if (!board_present()) return false;
    return std::any_of(std::begin(board().slots), std::end(board().slots), [xid](ExecutorSlot& s) {
        return state_of(s) != SlotState::free && pg_atomic_read_u32(&s.xid) == xid;
    });
}

Key slot_release(RangeRef* range) noexcept {
    ExecutorSlot* s = my_slot();
    if (s == nullptr) return core::kNoKey;
    const SpinScope spin(&s->mutex);
    if (s->held_range == kNoIndex) return core::kNoKey;
    *range = {s->held_range, s->held_generation};
    s->held_range = kNoIndex;
    return s->held_key;
}

void slot_progress(double fraction, std::string_view note) noexcept {
    ExecutorSlot* s = my_slot();
    if (s == nullptr) return;
    const SpinScope spin(&s->mutex);
    s->has_progress = true;
    s->progress = fraction;
    s->note_len = static_cast<uint16>(std::min<std::size_t>(note.size(), kNoteBytes - 1));
    note.copy(s->note, s->note_len);
}

void leave_if_too_many(int max_executors) noexcept {
    ExecutorSlot* mine = my_slot();
    if (mine == nullptr) return;
    const PartGuard guard(BoardLock::directory, LW_EXCLUSIVE);
    int staying = 0;
    for (auto& s : board().slots) {
        const SlotState st = state_of(s);
        if (st != SlotState::free && st != SlotState::dead && pg_atomic_read_u32(&s.leave) == 0) staying++;
    }
    if (staying > max_executors && pg_atomic_read_u32(&mine->leave) == 0)
        pg_atomic_write_u32(&mine->leave, 1);
}

uint32 should_leave() noexcept {
    ExecutorSlot* s = my_slot();
    return s == nullptr ? 0 : pg_atomic_read_u32(&s->leave);
}

int64 interrupt_target() noexcept {
    ExecutorSlot* s = my_slot();
    return s == nullptr ? 0 : static_cast<int64>(pg_atomic_read_u64(&s->interrupt_target));
}

int64 take_interrupt_target() noexcept {
    ExecutorSlot* s = my_slot();
    return s == nullptr ? 0 : static_cast<int64>(pg_atomic_exchange_u64(&s->interrupt_target, 0));
}

}  // namespace foreman::board
