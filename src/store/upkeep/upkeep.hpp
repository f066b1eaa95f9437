// History by days: partitions made ahead; and counts of jobs. What is past retention leaves in prune.hpp.
// Called by the dispatcher and prune_once(). Never blocks claims or inserts for longer than the short lock
// time-out below.
#pragma once

#include <string_view>

#include "core/time.hpp"
#include "pg/prelude.hpp"
#include "store/db/daily_table.hpp"

namespace foreman::store {

/// The history of ended jobs.
extern const DailyTable kHistory;
/// Makes the first partitions of the history inside CREATE EXTENSION, so that no row is on its way to the default
/// partition while the first day is attached; the partitions are not members of the extension.
void make_first_partitions(core::Instant now);
/// Live jobs per queue, to the board's counters.
/// cost: one pass over an index.
void recount_queues();

/// The prepared transactions of this database: how many, and a hash that differs when others are there.
struct PreparedSet {
    int64 count, hash;
    bool operator==(const PreparedSet&) const = default;
};
PreparedSet prepared_transactions();

struct QueueCount {
    std::string_view queue;
    int64 waiting;
    core::Instant oldest_run_at;
    int64 scheduled, leased, pending;
};
/// The same counts for a server without the board.
/// cost: one pass over the table; the visitor must not end SPI
void visit_waiting(core::Instant now, void (*visit)(void*, const QueueCount&), void* arg);

}  // namespace foreman::store
