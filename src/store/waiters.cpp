// See waiters.hpp. Lock: the directory LWLock.
#include "store/waiters.hpp"

#include <algorithm>

#include "pg/latch.hpp"
#include "store/board_parts.hpp"

namespace foreman::store {

namespace {

constinit int g_my_waiter = -1;

bool take_waiter(const Waiter& like) noexcept {
    const PartGuard guard(BoardLock::directory, LW_EXCLUSIVE);
    for (uint32 i = 0; i < board().waiter_capacity; i++) {
        Waiter& w = waiter_table()[i];
        if (w.pid != 0) continue;
        w = like;
        g_my_waiter = static_cast<int>(i);
        pg_atomic_fetch_add_u32(&board().waiter_count, 1);
        return true;
    }
    return false;
}

}  // namespace

bool add_queue_waiter(Oid database, std::span<const std::string_view> queues) noexcept {
    Waiter w{MyProcPid, pg::this_process().procno, database, 0, 0, {}};
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
        if (w.pid == 0 || w.database != database || w.job_id != 0) continue;
        if (std::find(w.queues, w.queues + w.queue_count, wanted) == w.queues + w.queue_count) continue;
        set_latch(w.pid, w.procno);
        w.queue_count = 0;  // woken: the next job wakes another
        jobs--;
    }
}

void wake_waiters_of_queue(Oid database, std::string_view queue) noexcept {
    const uint32 wanted = name_hash(queue);
    const PartGuard guard(BoardLock::directory, LW_SHARED);
    for (uint32 i = 0; i < board().waiter_capacity; i++) {
        const Waiter& w = waiter_table()[i];
        if (w.pid == 0 || w.database != database || w.job_id != 0) continue;
        if (std::find(w.queues, w.queues + w.queue_count, wanted) != w.queues + w.queue_count)
            set_latch(w.pid, w.procno);
    }
}

bool add_waiter(Oid database, int64 job_id) noexcept {
    return take_waiter({MyProcPid, pg::this_process().procno, database, job_id, 0, {}});
}

void remove_waiter() noexcept {
    if (g_my_waiter < 0) return;
    const PartGuard guard(BoardLock::directory, LW_EXCLUSIVE);
    waiter_table()[g_my_waiter].pid = 0;
    g_my_waiter = -1;
    pg_atomic_fetch_sub_u32(&board().waiter_count, 1);
}

bool anybody_waits() noexcept { return board_present() && pg_atomic_read_u32(&board().waiter_count) > 0; }

void wake_waiters(Oid database, int64 job_id) noexcept {
    const PartGuard guard(BoardLock::directory, LW_SHARED);
    for (uint32 i = 0; i < board().waiter_capacity; i++) {
        const Waiter& w = waiter_table()[i];
        if (w.pid != 0 && w.database == database && w.job_id == job_id) set_latch(w.pid, w.procno);
    }
}

}  // namespace foreman::store
