// History by days: partitions made ahead; and counts of jobs. What is past retention leaves in prune.hpp.
// Called by the dispatcher and prune_once(). Never blocks claims or inserts for longer than the short lock
// time-out below.
#pragma once

#include <string_view>

#include "core/time.hpp"
#include "pg/prelude.hpp"

namespace foreman::store {

/// does: makes the partitions of today and the next days where they are missing, moving rows out of the
///     default partition.
/// returns: how many were made.
/// errors: 55P03 when a lock was not to be had in time; try later
int make_partitions(core::Instant now);
/// The same inside CREATE EXTENSION, so that no row is on its way to the default partition while the first
/// day is attached; the partitions are not members of the extension.
void make_first_partitions(core::Instant now);
/// Live jobs per queue, to the board's counters.
/// cost: one pass over an index.
void recount_queues();

/// A day's partition by its name, in days since 2000-01-01; false: it is none of ours.
struct PartitionName {
    char text[32];
};
PartitionName partition_name(int64 day) noexcept;
bool parse_partition_name(std::string_view name, int64* day) noexcept;
/// Whether the day of `at` has its partition.
bool partition_ready(core::Instant at);

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
