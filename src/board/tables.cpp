// See board_tables.hpp.
#include "board/tables.hpp"

#include "board/leases.hpp"
#include "board/parts.hpp"

namespace foreman::board {

namespace {

constexpr const char* kMemory = "foreman.board_memory";

uint32 live_workers(core::Instant now) noexcept {
    const PartGuard guard(BoardLock::leases, LW_SHARED);
    const auto is_live = [now](const WorkerEntry& w) {
        return w.database != InvalidOid && w.last_seen + kWorkerSilence.us >= now.us;
    };
    return static_cast<uint32>(std::count_if(worker_table(), worker_table() + kMaxWorkers, is_live));
}

uint32 named_limits() noexcept {
    const PartGuard guard(BoardLock::waits, LW_SHARED);
    const auto is_used = [](const ScopeEntry& e) { return e.database != InvalidOid; };
    return static_cast<uint32>(std::count_if(std::begin(board().scopes), std::end(board().scopes), is_used));
}

}  // namespace

std::array<TableReading, kBoardTables> read_board_tables(core::Instant now) noexcept {
    const Board& b = board();
    std::array<TableReading, kBoardTables> tables{{
        {"ranges", "ranges of (queue, kind, priority)", kMemory, 0, b.ranges.capacity, {}},
        {"queues", "queues", kMemory, 0, b.queues.capacity, {}},
        {"leases", "leases of outside workers", kMemory, 0, b.leases.capacity, {}},
        {"keys", "concurrency and sequence keys in use", kMemory, 0, b.keys.capacity, {}},
        {"awaited", "jobs and batches that others depend on", kMemory, 0, b.awaited.capacity, {}},
        {"waiters", "sessions in await and wait_for_job", "foreman.max_waiters", 0, b.waiter_capacity, {}},
        {"workers", "registered outside workers", nullptr, 0, kMaxWorkers, {}},
        {"rate_limits", "named rate limits", nullptr, 0, kMaxScopes, {}},
        {"workflow_types", "counters of workflow types", nullptr, 0, kMaxWorkflowTypes, {}},
    }};
    for (std::size_t i = 0; i < tables.size(); i++) {
        TableUse& use = board().tables[i];
        tables[i].used = pg_atomic_read_u32(&use.used);
        tables[i].refused_at = Instant{static_cast<int64>(pg_atomic_read_u64(&use.refused_at))};
    }
    tables[static_cast<int>(BoardTable::workers)].used = live_workers(now);
    tables[static_cast<int>(BoardTable::scopes)].used = named_limits();
    return tables;
}

}  // namespace foreman::board
