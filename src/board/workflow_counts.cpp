// See workflow_counts.hpp.
#include "board/workflow_counts.hpp"

#include "board/depths.hpp"
#include "board/parts.hpp"

namespace foreman::board {

namespace {

// Types are few, and most databases have none: the used ones stand at the beginning, and are looked through.
WorkflowTypeEntry* find_locked(std::string_view type) noexcept {
    const uint32 hash = name_hash(type);
    for (uint32 i = 0; i < board().workflow_types_used; i++) {
        WorkflowTypeEntry& e = board().workflow_types[i];
        if (e.hash == hash && e.database == MyDatabaseId && name_view(e.type) == type) return &e;
    }
    return nullptr;
}

bool is_idle(WorkflowTypeEntry& e) noexcept {
    const auto is_zero = [](pg_atomic_uint64& c) { return pg_atomic_read_u64(&c) == 0; };
    return !e.in_count && std::all_of(e.counts, e.counts + kWorkflowGauges, is_zero);
}

void free_entry_locked(WorkflowTypeEntry& e) noexcept {
    e.database = InvalidOid;
    count_entries(BoardTable::workflow_types, -1);
}

// kMaxWorkflowTypes: there is none.
uint32 find_room_locked() noexcept {
    uint32 i = 0;
    while (i < board().workflow_types_used && board().workflow_types[i].database != InvalidOid) i++;
    if (i < kMaxWorkflowTypes) return i;
    for (i = 0; i < kMaxWorkflowTypes; i++) {
        if (!is_idle(board().workflow_types[i])) continue;
        free_entry_locked(board().workflow_types[i]);
        return i;
    }
    return i;
}

// nullptr: the table is full.
WorkflowTypeEntry* find_or_add_locked(std::string_view type) noexcept {
    if (WorkflowTypeEntry* e = find_locked(type)) return e;
    const uint32 i = find_room_locked();
    if (i == kMaxWorkflowTypes) {
        refuse_entry(BoardTable::workflow_types);
        return nullptr;
    }
    WorkflowTypeEntry& e = board().workflow_types[i];
    e.hash = name_hash(type);
    set_name(&e.type, type);
    e.in_count = false;
    for (pg_atomic_uint64& c : e.counts) pg_atomic_init_u64(&c, 0);
    e.database = MyDatabaseId;
    board().workflow_types_used = std::max(board().workflow_types_used, i + 1);
    count_entries(BoardTable::workflow_types, 1);
    return &e;
}

void add_locked(WorkflowTypeEntry& e, const WorkflowDelta& delta, FullTransactionId xid) noexcept {
    const bool counted = is_counted(MyDatabaseId, xid);
    for (int i = counted ? kWorkflowGauges : 0; i < kWorkflowCounts; i++) {
        const int32 n = delta.of[static_cast<std::size_t>(i)];
        if (n != 0) pg_atomic_fetch_add_u64(&e.counts[i], n);
    }
}

}  // namespace

void add_workflow_delta(std::string_view type, const WorkflowDelta& delta, FullTransactionId xid) noexcept {
    {
        const PartGuard guard(BoardLock::ranges, LW_SHARED);
        if (WorkflowTypeEntry* e = find_locked(type)) return add_locked(*e, delta, xid);
    }
    const PartGuard guard(BoardLock::ranges, LW_EXCLUSIVE);
    if (WorkflowTypeEntry* e = find_or_add_locked(type)) add_locked(*e, delta, xid);
}

void clear_workflow_counts_locked(Oid database) noexcept {
    for (uint32 i = 0; i < board().workflow_types_used; i++) {
        if (board().workflow_types[i].database == database) free_entry_locked(board().workflow_types[i]);
    }
}

int read_workflow_counts(Oid database, WorkflowReading* out, int max) noexcept {
    const PartGuard guard(BoardLock::ranges, LW_SHARED);
    int n = 0;
    for (uint32 i = 0; i < board().workflow_types_used; i++) {
        WorkflowTypeEntry& e = board().workflow_types[i];
        if (e.database != database) continue;
        if (n < max) {
            out[n].type = e.type;
            for (std::size_t c = 0; c < kWorkflowCounts; c++)
                out[n].of[c] = static_cast<int64>(pg_atomic_read_u64(&e.counts[c]));
        }
        n++;
    }
    return n;
}

void begin_workflow_count_locked() noexcept {
    for (uint32 i = 0; i < board().workflow_types_used; i++) {
        WorkflowTypeEntry& e = board().workflow_types[i];
        if (e.database != MyDatabaseId) continue;
        e.in_count = true;
        for (int g = 0; g < kWorkflowGauges; g++) {
            e.before[g] = static_cast<int64>(pg_atomic_read_u64(&e.counts[g]));
            e.found[g] = 0;
        }
    }
}

void set_workflow_gauge(std::string_view type, WorkflowCount gauge, int64 found) noexcept {
    const PartGuard guard(BoardLock::ranges, LW_EXCLUSIVE);
    WorkflowTypeEntry* e = find_or_add_locked(type);
    if (e == nullptr) return;
    if (!e->in_count) {  // it is new: what was told of it since was not there when the count began
        e->in_count = true;
        std::fill_n(e->before, kWorkflowGauges, 0);
        std::fill_n(e->found, kWorkflowGauges, 0);
    }
    e->found[static_cast<int>(gauge)] = found;
}

void end_workflow_count_locked() noexcept {
    for (uint32 i = 0; i < board().workflow_types_used; i++) {
        WorkflowTypeEntry& e = board().workflow_types[i];
        if (e.database != MyDatabaseId || !e.in_count) continue;
        e.in_count = false;
        for (int g = 0; g < kWorkflowGauges; g++)
            pg_atomic_fetch_add_u64(&e.counts[g], e.found[g] - e.before[g]);
    }
}

}  // namespace foreman::board
