// See depths.hpp.
#include "board/depths.hpp"

#include "board/parts.hpp"
#include "pg/call.hpp"

namespace foreman::board {

namespace {

// What was running when the snapshot of a database's last count was taken.
TransactionId* running_of(const DatabaseSlot& slot) noexcept {
    const auto index = static_cast<Size>(&slot - board().databases);
    return board_array<TransactionId>(board().snapshot_offset) + index * board().snapshot_capacity;
}

// Transaction ids of 64 bits: a count may be older than one round of the others.
uint64 full_xid(TransactionId xid) noexcept {
    const FullTransactionId next = ReadNextFullTransactionId();
    return U64FromFullTransactionId(next) - (XidFromFullTransactionId(next) - xid);
}

template <class Visit>
void visit_queues(Oid database, Visit visit) noexcept {
    for (uint32 i = 0; i < queue_index().high(); i++) {
        if (queue_entries()[i].database == database) visit(queue_entries()[i]);
    }
}

void correct(QueueEntry& q, int64 jobs) noexcept {
    pg_atomic_fetch_add_u64(&q.live, q.in_count ? jobs - q.live_before : jobs);
    q.in_count = false;
}

}  // namespace

Snapshot begin_count() {
    // Its first call in a process allocates, which may raise; the one under the lock does not.
    pg::guarded([] { GetLatestSnapshot(); });
    DatabaseSlot* slot = database_slot(MyDatabaseId);
    const PartGuard guard(BoardLock::ranges, LW_EXCLUSIVE);
    Snapshot snapshot = GetLatestSnapshot();
    if (slot == nullptr) return snapshot;
    slot->counted_below = full_xid(snapshot->xmax);
    slot->running_count = std::min(snapshot->xcnt, board().snapshot_capacity);
    std::copy_n(snapshot->xip, slot->running_count, running_of(*slot));
    visit_queues(MyDatabaseId, [](QueueEntry& q) {
        q.in_count = true;
        q.live_before = static_cast<int64>(pg_atomic_read_u64(&q.live));
    });
    begin_workflow_count_locked();
    return snapshot;
}

void set_depth(std::string_view queue, int64 jobs) noexcept {
    const PartGuard guard(BoardLock::ranges, LW_EXCLUSIVE);
    const uint32 i = find_queue_entry_locked(MyDatabaseId, queue, true);
    if (i == kNoIndex) return;
    correct(queue_entries()[i], jobs);
}

void end_count() noexcept {
    const PartGuard guard(BoardLock::ranges, LW_EXCLUSIVE);
    visit_queues(MyDatabaseId, [](QueueEntry& q) {
        if (q.in_count) correct(q, 0);
    });
    end_workflow_count_locked();
}

bool is_counted(Oid database, FullTransactionId xid) noexcept {
    const DatabaseSlot* slot = database_slot(database);
    if (slot == nullptr || U64FromFullTransactionId(xid) >= slot->counted_below) return false;
    const TransactionId* running = running_of(*slot);
    return std::find(running, running + slot->running_count, XidFromFullTransactionId(xid)) ==
           running + slot->running_count;
}

int snapshot_capacity() noexcept { return MaxBackends + max_prepared_xacts; }

}  // namespace foreman::board
