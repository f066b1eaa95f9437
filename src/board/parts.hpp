// Inside of the board, for board/board.cpp, ranges.cpp, queue_entries.cpp and slots.cpp only.
// Arrays are found by offset from the board; locks are scoped.
#pragma once

#include <algorithm>

#include "board/board.hpp"
#include "core/fair_room.hpp"
#include "pg/lock.hpp"

namespace foreman::board {

// The parts that this process has locked, as bits.
inline constinit uint32 g_parts_locked = 0;

/// The lock of a part for who is about to take it. Out of order, two processes could wait for each other for
/// ever, which nobody can interrupt: the first one stops the server instead, as for a spinlock that is stuck.
inline LWLock* lock_in_order(BoardLock part) {
    const uint32 before = g_parts_locked;
    if (before >> static_cast<int>(part) != 0)
        elog(PANIC, "locks of the board are taken out of order: %d after %x", static_cast<int>(part), before);
    g_parts_locked = before | 1U << static_cast<int>(part);
    return board_lock(part);
}

// Holds one of the board's LWLocks. The scope may not ereport, allocate or call out.
class PartGuard : private pg::LwLockGuard {
  public:
    PartGuard(BoardLock part, LWLockMode mode) : LwLockGuard(lock_in_order(part), mode), part_(part) {}
    ~PartGuard() { g_parts_locked &= ~(1U << static_cast<int>(part_)); }

  private:
    const BoardLock part_;
};
using SpinScope = pg::SpinGuard;

template <class T>
T* board_array(Size offset) noexcept {
    return reinterpret_cast<T*>(reinterpret_cast<char*>(&board()) + offset);
}
inline RangeHot* range_hots() noexcept { return board_array<RangeHot>(board().hot_offset); }
inline RangeCold* range_colds() noexcept { return board_array<RangeCold>(board().cold_offset); }
inline uint32* range_buckets() noexcept { return board_array<uint32>(board().range_bucket_offset); }
inline QueueEntry* queue_entries() noexcept { return board_array<QueueEntry>(board().queue_offset); }
inline uint32* queue_buckets() noexcept { return board_array<uint32>(board().queue_bucket_offset); }
inline QueueTimes* queue_times() noexcept { return board_array<QueueTimes>(board().times_offset); }
inline Waiter* waiter_table() noexcept { return board_array<Waiter>(board().waiter_offset); }

inline LeaseEntry* lease_table() noexcept { return board_array<LeaseEntry>(board().lease_offset); }
inline uint32* lease_buckets() noexcept { return board_array<uint32>(board().lease_bucket_offset); }
inline WorkerEntry* worker_table() noexcept { return board_array<WorkerEntry>(board().worker_offset); }
inline KeyEntry* key_table() noexcept { return board_array<KeyEntry>(board().key_offset); }
inline uint32* key_buckets() noexcept { return board_array<uint32>(board().key_bucket_offset); }
inline AwaitedEntry* awaited_table() noexcept { return board_array<AwaitedEntry>(board().awaited_offset); }
inline uint32* awaited_buckets() noexcept { return board_array<uint32>(board().awaited_bucket_offset); }

inline core::IndexTable<RangeCold> range_index() noexcept {
    return {board().ranges, range_colds(), range_buckets()};
}
inline core::IndexTable<QueueEntry> queue_index() noexcept {
    return {board().queues, queue_entries(), queue_buckets()};
}
inline core::IndexTable<LeaseEntry> lease_index() noexcept {
    return {board().leases, lease_table(), lease_buckets()};
}
inline core::IndexTable<KeyEntry> key_index() noexcept { return {board().keys, key_table(), key_buckets()}; }
inline core::IndexTable<AwaitedEntry> awaited_index() noexcept {
    return {board().awaited, awaited_table(), awaited_buckets()};
}

inline TableUse& table_use(BoardTable table) noexcept { return board().tables[static_cast<int>(table)]; }
inline void count_entries(BoardTable table, int entries) noexcept {
    pg_atomic_fetch_add_u32(&table_use(table).used, entries);
}
/// Somebody found no room: health() says so for a while.
inline void refuse_entry(BoardTable table) noexcept {
    pg_atomic_write_u64(&table_use(table).refused_at, static_cast<uint64>(GetCurrentTimestamp()));
}

/// The role whose share of a table an entry of this session is.
inline Oid role_of_session() noexcept { return GetOuterUserId(); }
inline uint32* held_by(RoleShares& shares, Oid role) noexcept {
    return &shares.held[(role * 2654435761U) % kShareBuckets];
}
/// Whether the role may have one more (core/fair_room.hpp).
inline bool has_room(RoleShares& shares, Oid role, uint32 capacity) noexcept {
    return core::has_fair_room(*held_by(shares, role), shares.used, capacity);
}
inline void count_share(RoleShares& shares, Oid role, int entries) noexcept {
    shares.used += static_cast<uint32>(entries);
    *held_by(shares, role) += static_cast<uint32>(entries);
}

uint32 name_hash(std::string_view name) noexcept;
void clear_leases(Oid database) noexcept;
void clear_waits(Oid database) noexcept;

bool has_place(uint32 entry) noexcept;  // queue_limits.hpp

// Sets full_seen first, then looks once more: a job that ends after this look sees the flag and wakes whoever
// waits.
inline bool is_full(QueueEntry& q) noexcept {
    const auto limit = static_cast<uint32>(q.settings.max_running);
    if (pg_atomic_read_u32(&q.running) < limit) return false;
    pg_atomic_write_u32(&q.full_seen, 1);
    pg_memory_barrier();
    return pg_atomic_read_u32(&q.running) >= limit;
}

// From when on a queue's jobs may be claimed: plus infinity while it is paused or full, otherwise the end of
// its cool-down or of its rate's pause, which may have passed.
inline Instant queue_opens_at(uint32 index) noexcept {
    if (index == kNoIndex) return core::kMinusInfinity;
    QueueEntry& q = queue_entries()[index];
    if (q.settings.paused) return core::kPlusInfinity;
    if (q.settings.max_running > 0 && is_full(q) && !has_place(index)) return core::kPlusInfinity;
    const auto cool = static_cast<int64>(pg_atomic_read_u64(&q.throttled_until));
    if (q.settings.rate_limit <= 0) return Instant{cool};
    return Instant{std::max(cool, static_cast<int64>(pg_atomic_read_u64(&q.rate_opens)))};
}

// How many jobs of the queue may be claimed before it is the turn of its oldest one; 0: now.
inline uint32 claims_before_oldest(uint32 index) noexcept {
    if (index == kNoIndex) return kNoIndex;
    QueueEntry& q = queue_entries()[index];
    const auto every = static_cast<uint32>(q.settings.ageing);
    return every == 0 ? kNoIndex : every - 1 - pg_atomic_read_u32(&q.claims) % every;
}

uint32 find_queue_entry(Oid database, std::string_view name) noexcept;
// Both need the ranges lock, exclusively.
uint32 find_queue_entry_locked(Oid database, std::string_view name, bool add) noexcept;
void clear_queue_entries_locked(Oid database) noexcept;

// All three need the ranges lock, exclusively (workflow_counts.cpp).
void begin_workflow_count_locked() noexcept;
void end_workflow_count_locked() noexcept;
void clear_workflow_counts_locked(Oid database) noexcept;

void clear_ranges(Oid database) noexcept;

inline std::string_view name_view(const BoardName& n) noexcept { return {n.text, n.len}; }
inline void set_name(BoardName* n, std::string_view text) noexcept {
    n->len = static_cast<uint16>(text.size() < kNameBytes ? text.size() : kNameBytes - 1);
    for (uint16 i = 0; i < n->len; i++) n->text[i] = text[i];
    n->text[n->len] = '\0';
}

}  // namespace foreman::board
