// See waiters.hpp. Lock: the directory LWLock.
#include "board/waiters.hpp"

#include <algorithm>

#include "board/parts.hpp"
#include "pg/latch.hpp"

namespace foreman::board {

namespace {

constinit int g_my_waiter = -1;

bool take_waiter(const Waiter& like) noexcept {
    const PartGuard guard(BoardLock::directory, LW_EXCLUSIVE);
    uint32 used = 0;
    uint32 mine = 0;
    Waiter* free_one = nullptr;
    for (uint32 i = 0; i < board().waiter_capacity; i++) {
        Waiter& w = waiter_table()[i];
        if (w.pid == 0) {
            if (free_one == nullptr) free_one = &w;
            continue;
        }
        used++;
        if (w.role == like.role) mine++;
    }
    if (!core::has_fair_room(mine, used, board().waiter_capacity)) {
        refuse_entry(BoardTable::waiters);
        return false;
    }
    *free_one = like;
    g_my_waiter = static_cast<int>(free_one - waiter_table());
    count_entries(BoardTable::waiters, 1);
    return true;
}

bool waits_for(const Waiter& w, Oid database, std::span<const uint32> queues) noexcept {
    if (w.pid == 0 || w.database != database || w.job_id != 0) return false;
    return std::find_first_of(w.queues, w.queues + w.queue_count, queues.begin(), queues.end()) !=
           w.queues + w.queue_count;
}

void wake_for_one(Waiter& w) noexcept {
    w.woken = true;
    set_latch(w.pid, w.procno);
}

void pass_on(const Waiter& left) noexcept {
    for (uint32 i = 0; i < board().waiter_capacity; i++) {
        Waiter& w = waiter_table()[i];
        if (w.woken ||
            !waits_for(w, left.database, {left.queues, static_cast<std::size_t>(left.queue_count)}))
            continue;
        wake_for_one(w);
        return;
    }
}

}  // namespace

bool add_queue_waiter(Oid database, std::span<const std::string_view> queues) noexcept {
    Waiter w{MyProcPid, pg::this_process().procno, database, role_of_session(), 0, false, 0, {}};
    for (const std::string_view q : queues) {
        if (w.queue_count < kMaxWaitedQueues) w.queues[w.queue_count++] = name_hash(q);
    }
    return take_waiter(w);
}

void wake_waiters_of_queue(Oid database, std::string_view queue, int64 jobs) noexcept {
    const uint32 wanted = name_hash(queue);
    const PartGuard guard(BoardLock::directory, LW_EXCLUSIVE);
    for (uint32 i = 0; i < board().waiter_capacity && jobs > 0; i++) {
        Waiter& w = waiter_table()[i];
        if (!waits_for(w, database, {&wanted, 1}) || w.woken) continue;
        wake_for_one(w);
        jobs--;
    }
}

void wake_waiters_of_queue(Oid database, std::string_view queue) noexcept {
    const uint32 wanted = name_hash(queue);
    const PartGuard guard(BoardLock::directory, LW_SHARED);
    for (uint32 i = 0; i < board().waiter_capacity; i++) {
        const Waiter& w = waiter_table()[i];
        if (waits_for(w, database, {&wanted, 1})) set_latch(w.pid, w.procno);
    }
}

bool add_waiter(Oid database, int64 job_id) noexcept {
    return take_waiter(
        {MyProcPid, pg::this_process().procno, database, role_of_session(), job_id, false, 0, {}});
}

void rearm_waiter() noexcept {
    if (g_my_waiter < 0) return;
    const PartGuard guard(BoardLock::directory, LW_EXCLUSIVE);
    waiter_table()[g_my_waiter].woken = false;
}

void remove_waiter() noexcept {
    if (g_my_waiter < 0) return;
    const PartGuard guard(BoardLock::directory, LW_EXCLUSIVE);
    const Waiter mine = waiter_table()[g_my_waiter];
    waiter_table()[g_my_waiter].pid = 0;
    g_my_waiter = -1;
    if (mine.woken) pass_on(mine);
    count_entries(BoardTable::waiters, -1);
}

bool anybody_waits() noexcept {
    return board_present() && pg_atomic_read_u32(&table_use(BoardTable::waiters).used) > 0;
}

void wake_waiters(Oid database, std::span<const int64> job_ids) noexcept {
    const PartGuard guard(BoardLock::directory, LW_SHARED);
    for (uint32 i = 0; i < board().waiter_capacity; i++) {
        const Waiter& w = waiter_table()[i];
        if (w.pid == 0 || w.database != database || w.job_id == 0) continue;
        if (std::find(job_ids.begin(), job_ids.end(), w.job_id) != job_ids.end()) set_latch(w.pid, w.procno);
    }
}

}  // namespace foreman::board
