// Placement of the board in shared memory, database slots, and the waking of dispatchers and the launcher.
#include "board/board.hpp"

#include <cstring>

#include "board/depths.hpp"
#include "board/fences.hpp"
#include "board/parts.hpp"
#include "board/scopes.hpp"
#include "board/slots.hpp"
#include "pg/latch.hpp"
#include "pg/shmem.hpp"

namespace foreman::board {

namespace {

constinit Board* g_board = nullptr;
constinit LWLockPadded* g_locks = nullptr;
constinit int g_memory_mb = 0;
constinit int g_max_waiters = 0;

struct Plan {
    uint32 ranges, queues, times, waiters, leases, keys, awaited;  // how many entries
    Size hot, cold, range_bucket, queue, queue_bucket, time, waiter, lease, lease_bucket, worker;
    Size key, key_bucket, awaited_end, awaited_bucket, snapshot, appender, total;
    Fence fences[24];
    int fence_count;
};

// Places for the processes of the server, by their numbers; more than there are.
int process_capacity() noexcept { return MaxBackends + max_prepared_xacts + 64; }

// Sixteenths of the memory: 8 for ranges, 1 for queues, 1 for how long their jobs take, 4 for leases, 1 each
// for keys and for jobs that others wait for. 1 MB holds about 800 ranges, 930 leases, 110 keys and 1,800
// awaited jobs.
Plan plan_board(int memory_mb, int max_waiters) {
    Plan p{};
    const Size budget = static_cast<Size>(memory_mb) * 1024 * 1024;
    const Size range_bytes = sizeof(RangeHot) + sizeof(RangeCold) + 2 * sizeof(uint32);
    const Size queue_bytes = sizeof(QueueEntry) + 2 * sizeof(uint32);
    const Size lease_bytes = sizeof(LeaseEntry) + 2 * sizeof(uint32);
    p.ranges = static_cast<uint32>(budget / 2 / range_bytes);
    p.queues = static_cast<uint32>(budget / 16 / queue_bytes);
    p.times = static_cast<uint32>(budget / 16 / sizeof(QueueTimes));
    p.leases = static_cast<uint32>(budget / 4 / lease_bytes);
    p.keys = static_cast<uint32>(budget / 16 / (sizeof(KeyEntry) + 2 * sizeof(uint32)));
    p.awaited = static_cast<uint32>(budget / 16 / (sizeof(AwaitedEntry) + 2 * sizeof(uint32)));
    p.waiters = static_cast<uint32>(max_waiters);
    Size at = MAXALIGN(sizeof(Board));
    auto take = [&at, &p](Size bytes) {
        const Size here = CACHELINEALIGN(at + kFence);
        p.fences[p.fence_count++] = {at, here - at};
        at = here + bytes;
        return here;
    };
    p.hot = take(sizeof(RangeHot) * p.ranges);
    p.cold = take(sizeof(RangeCold) * p.ranges);
    p.range_bucket = take(sizeof(uint32) * core::buckets_for(p.ranges));
    p.queue = take(sizeof(QueueEntry) * p.queues);
    p.queue_bucket = take(sizeof(uint32) * core::buckets_for(p.queues));
    p.time = take(sizeof(QueueTimes) * p.times);
    p.waiter = take(sizeof(Waiter) * p.waiters);
    p.lease = take(sizeof(LeaseEntry) * p.leases);
    p.lease_bucket = take(sizeof(uint32) * core::buckets_for(p.leases));
    p.worker = take(sizeof(WorkerEntry) * kMaxWorkers);
    p.key = take(sizeof(KeyEntry) * p.keys);
    p.key_bucket = take(sizeof(uint32) * core::buckets_for(p.keys));
    p.awaited_end = take(sizeof(AwaitedEntry) * p.awaited);
    p.awaited_bucket = take(sizeof(uint32) * core::buckets_for(p.awaited));
    p.snapshot = take(sizeof(TransactionId) * kMaxDatabases * static_cast<Size>(snapshot_capacity()));
    p.appender = take(sizeof(Appender) * static_cast<Size>(process_capacity()));
    p.total = CACHELINEALIGN(at);
    return p;
}

// As it is for a database of which nothing is known; counters that only ever change stay.
void set_up(DatabaseSlot* d) {
    d->pid = 0;
    d->procno = -1;
    d->clerk_pid = 0;
    pg_atomic_init_u32(&d->pokes, 0);
    pg_atomic_init_u32(&d->requests_open, 1);
    pg_atomic_init_u32(&d->off_board, 0);
    d->off_board_due.init(core::kPlusInfinity);
    pg_atomic_init_u32(&d->counted, 0);
    d->counted_below = 0;
    d->running_count = 0;
    pg_atomic_init_u32(&d->waits_overflow, 0);
    pg_atomic_init_u32(&d->waits_off_board, 0);
    pg_atomic_init_u32(&d->wants_room, 0);
    d->key_hints = d->end_hints = {};
    pg_atomic_init_u32(&d->leases_off_board, 0);
    pg_atomic_init_u32(&d->leases_loaded, 0);
    pg_atomic_init_u32(&d->unwritten_leases, 0);
    pg_atomic_init_u32(&d->settings_loaded, 0);
    d->next_wake.init(core::kPlusInfinity);
    d->next_expiry.init(core::kPlusInfinity);
    d->next_lease_end.init(core::kPlusInfinity);
    d->next_lease_write.init(core::kPlusInfinity);
    d->next_fire.init(core::kMinusInfinity);
    pg_atomic_init_u32(&d->wants_appends, 0);
    d->held_by = 0;
    d->stopped = false;
    d->has_extension = false;
    d->look_again = false;
    d->exit = 0;
    d->failing[0] = '\0';
}

void init_slots(Board* b) {
    for (auto& s : b->slots) {
        pg_atomic_init_u32(&s.state, static_cast<uint32>(SlotState::free));
        pg_atomic_init_u32(&s.leave, 0);
        pg_atomic_init_u32(&s.unsettled, 0);
        pg_atomic_init_u64(&s.current_job, 0);
        pg_atomic_init_u64(&s.jobs_done, 0);
        pg_atomic_init_u64(&s.interrupt_target, 0);
        pg_atomic_init_u32(&s.xid, 0);
        SpinLockInit(&s.mutex);
        s.held_range = kNoIndex;
    }
    for (auto& d : b->databases) {
        set_up(&d);
        pg_atomic_init_u32(&d.request_generation, 0);
        pg_atomic_init_u32(&d.off_board_notes, 0);
        pg_atomic_init_u64(&d.database_bytes, 0);
    }
}

// Untouched pages of the big arrays stay unbacked by memory: only the buckets are written here.
void init_board(void* area, bool found, LWLockPadded* locks) {
    g_board = static_cast<Board*>(area);
    g_locks = locks;
    if (found) return;
    const Plan p = plan_board(g_memory_mb, g_max_waiters);
    Board* b = g_board;
    std::memset(static_cast<void*>(b), 0, sizeof(Board));
    pg_atomic_init_u32(&b->launcher_poked, 0);
    pg_atomic_init_u32(&b->settings_generation, 0);
    pg_atomic_init_u32(&b->wants_room, 0);
    pg_atomic_init_u32(&b->unsettled, 0);
    for (TableUse& t : b->tables) {
        pg_atomic_init_u32(&t.used, 0);
        pg_atomic_init_u64(&t.refused_at, static_cast<uint64>(core::kMinusInfinity.us));
    }
    b->waiter_capacity = p.waiters;
    b->hot_offset = p.hot;
    b->cold_offset = p.cold;
    b->range_bucket_offset = p.range_bucket;
    b->queue_offset = p.queue;
    b->queue_bucket_offset = p.queue_bucket;
    b->times_capacity = p.times;
    b->times_offset = p.time;
    b->waiter_offset = p.waiter;
    b->lease_offset = p.lease;
    b->lease_bucket_offset = p.lease_bucket;
    b->worker_offset = p.worker;
    b->key_offset = p.key;
    b->key_bucket_offset = p.key_bucket;
    b->awaited_offset = p.awaited_end;
    b->awaited_bucket_offset = p.awaited_bucket;
    b->snapshot_capacity = static_cast<uint32>(snapshot_capacity());
    b->snapshot_offset = p.snapshot;
    b->appender_capacity = static_cast<uint32>(process_capacity());
    b->appender_offset = p.appender;
    b->began_at = GetCurrentTimestamp();
    key_index().clear(p.keys);
    awaited_index().clear(p.awaited);
    range_index().clear(p.ranges);
    queue_index().clear(p.queues);
    lease_index().clear(p.leases);
    std::memset(static_cast<void*>(waiter_table()), 0, sizeof(Waiter) * p.waiters);
    std::memset(static_cast<void*>(worker_table()), 0, sizeof(WorkerEntry) * kMaxWorkers);
    for (uint32 i = 0; i < b->appender_capacity; i++) {
        Appender* a = board_array<Appender>(p.appender) + i;
        pg_atomic_init_u64(&a->after, 0);
    }
    init_slots(b);
    for (int i = 0; i < p.fence_count; i++) raise_fence(static_cast<char*>(area), p.fences[i]);
}

}  // namespace

// The size depends on how many processes the server may have, which is known when it asks only.
void request_board(int board_memory_mb, int max_waiters) {
    g_memory_mb = board_memory_mb;
    g_max_waiters = max_waiters;
    pg::request({"foreman", [] { return plan_board(g_memory_mb, g_max_waiters).total; },
                 static_cast<int>(BoardLock::count), init_board});
}

bool board_present() noexcept { return g_board != nullptr; }

Board& board() noexcept { return *g_board; }

LWLock* board_lock(BoardLock part) noexcept { return &g_locks[static_cast<int>(part)].lock; }

DatabaseSlot* database_slot(Oid database) noexcept {
    if (g_board == nullptr) return nullptr;
    // Lock-free: entries are filled before their oid is, and never move.
    for (auto& d : g_board->databases) {
        if (d.database == database) return &d;
    }
    return nullptr;
}

DatabaseSlot* add_database_slot(Oid database) noexcept {
    const PartGuard guard(BoardLock::directory, LW_EXCLUSIVE);
    if (DatabaseSlot* d = database_slot(database)) return d;
    DatabaseSlot* d = database_slot(InvalidOid);
    if (d == nullptr) return nullptr;
    set_up(d);
    pg_write_barrier();
    d->database = database;
    return d;
}

void clear_database(Oid database) noexcept {
    if (g_board == nullptr) return;
    // Leases give back their places and keys, so they go first.
    clear_leases(database);
    clear_waits(database);
    clear_ranges(database);
    clear_scopes(database);
    free_slots_left(database);
    const PartGuard guard(BoardLock::directory, LW_EXCLUSIVE);
    for (auto& demand : g_board->demands) {
        if (demand.database == database) demand.database = InvalidOid;
    }
    if (DatabaseSlot* d = database_slot(database); d != nullptr && d->held_by == 0) d->database = InvalidOid;
}

void set_latch(int32 pid, int32 procno) noexcept {
    if (pid != 0 && procno >= 0) pg::set_latch_of(procno, pid);
}

void poke_dispatcher(Oid database, uint32 bits) noexcept {
    DatabaseSlot* d = database_slot(database);
    if (d == nullptr) return;
    pg_atomic_fetch_or_u32(&d->pokes, bits);
    set_latch(d->pid, d->procno);
}

void poke_launcher(Oid database) noexcept {
    if (g_board == nullptr) return;
    if (database != InvalidOid) {
        if (DatabaseSlot* d = add_database_slot(database)) d->look_again = true;
    }
    pg_write_barrier();
    pg_atomic_write_u32(&g_board->launcher_poked, 1);
    set_latch(g_board->launcher_pid, g_board->launcher_procno);
}

void refuse_without_board(const char* what) {
    throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "%s needs shared memory of pg_foreman", what)
        .hint("Add pg_foreman to shared_preload_libraries and restart the server.");
}

}  // namespace foreman::board
