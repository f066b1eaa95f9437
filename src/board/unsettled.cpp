// See unsettled.hpp. The mark is an atomic in the slot; the count of marks spares those who claim the look at the slots.
#include "board/unsettled.hpp"

#include <algorithm>

#include "board/flight_recorder.hpp"
#include "board/my_slot.hpp"
#include "board/parts.hpp"
#include "board/unwritten_leases.hpp"

namespace foreman::board {

namespace {

constinit int g_settled_slot = -1;

bool ran_last(int slot, int64 job_id) noexcept {
    if (pg_atomic_read_u64(&board().slots[slot].current_job) == static_cast<uint64>(job_id)) return true;
    int64 ids[core::kMaxChunk];
    const int n = recorded_jobs(slot, ids);
    return std::find(ids, ids + n, job_id) != ids + n;
}

}  // namespace

void mark_unsettled() noexcept {
    ExecutorSlot* s = my_slot();
    if (s != nullptr && pg_atomic_exchange_u32(&s->unsettled, 1) == 0)
        pg_atomic_fetch_add_u32(&board().unsettled, 1);
}

void mark_settled() noexcept {
    if (ExecutorSlot* s = my_slot(); s != nullptr) forget_unsettled(s);
}

void forget_unsettled(ExecutorSlot* slot) noexcept {
    if (pg_atomic_exchange_u32(&slot->unsettled, 0) != 0) pg_atomic_fetch_sub_u32(&board().unsettled, 1);
}

bool any_unsettled() noexcept { return board_present() && pg_atomic_read_u32(&board().unsettled) != 0; }

bool is_unsettled(int64 job_id) noexcept {
    if (!any_unsettled()) return false;
    for (int i = 0; i < kMaxSlots; i++) {
        ExecutorSlot& s = board().slots[i];
        if (pg_atomic_read_u32(&s.unsettled) == 0 || s.database != MyDatabaseId) continue;
        if (i != g_settled_slot && i != my_slot_number() && ran_last(i, job_id)) return true;
    }
    return false;
}

bool is_anothers(int64 job_id) noexcept { return is_unwritten(job_id) || is_unsettled(job_id); }

SettlingFor::SettlingFor(int slot) noexcept : slot_(slot) { g_settled_slot = slot; }

SettlingFor::~SettlingFor() {
    g_settled_slot = -1;
    forget_unsettled(&board().slots[slot_]);
}

}  // namespace foreman::board
