// Counters of each type of workflow in shared memory: how many instances run, and what has happened since the server
// started. A commit adds to them, and the dispatcher counts what runs and waits once at its start (board/depths.hpp).
// Invariant: an entry is found, made and freed under the ranges lock; its counters are atomics.
#pragma once

#include <array>
#include <string_view>

#include "board/layout.hpp"

namespace foreman::board {

/// What a transaction adds.
struct WorkflowDelta {
    std::array<int32, kWorkflowCounts> of{};
    int32& operator[](WorkflowCount c) noexcept { return of[static_cast<std::size_t>(c)]; }
};
/// does: adds to the counters of a type of this database; `xid`: the transaction that changed the rows.
/// Where the table is full, the entry of a type of which nothing runs or waits is taken: its counters are lost, as at a
/// start of the server. Where there is none, nothing is counted, and health() says so.
void add_workflow_delta(std::string_view type, const WorkflowDelta& delta, FullTransactionId xid) noexcept;

struct WorkflowReading {
    BoardName type;
    std::array<int64, kWorkflowCounts> of;
    int64 operator[](WorkflowCount c) const noexcept { return of[static_cast<std::size_t>(c)]; }
};
/// Copies up to `max` of a database; returns how many there are.
int read_workflow_counts(Oid database, WorkflowReading* out, int max) noexcept;

/// A count found so many; within begin_count() and end_count().
void set_workflow_gauge(std::string_view type, WorkflowCount gauge, int64 found) noexcept;

}  // namespace foreman::board
