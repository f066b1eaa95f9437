// A table in partitions of a day, of a time stamp column: partitions made ahead, their names, and a default
// partition for what no day has been made for. Days are UTC days; a partition's name carries its day, as in
// job_history_20261121. The table TABLE_default exists, as the script made it.
// Invariant: making a partition never blocks those who read or insert for longer than a short lock time-out.
#pragma once

#include <span>
#include <string_view>

#include "core/time.hpp"
#include "pg/prelude.hpp"
#include "pg/spi.hpp"

namespace foreman::store {

/// A partitioned table of ours.
struct DailyTable {
    const char* name;                      ///< without its schema, which is foreman
    const char* column;                    ///< of the time stamp
    const char* storage;                   ///< what stands after WITH, in parentheses
    std::span<const char* const> indexes;  ///< of each partition: what stands after CREATE INDEX ON table
    pg::Statement* rows_of_default;        ///< whether the default partition has rows from $1 to before $2
};

struct PartitionName {
    char text[NAMEDATALEN];
};

/// does: makes the partitions of today and the next days where they are missing, moving rows out of the
///     default partition.
/// returns: how many were made.
/// errors: 55P03 when a lock was not to be had in time; try later
int make_partitions(const DailyTable& table, core::Instant now);
/// The partition of a day, in days since 2000-01-01.
PartitionName partition_name(const DailyTable& table, int64 day) noexcept;
/// does: reads the day in a partition's name.
/// returns: false when the table has no such partition.
bool parse_partition_name(const DailyTable& table, std::string_view name, int64* day) noexcept;
/// Whether the day of `at` has its partition.
bool partition_ready(const DailyTable& table, core::Instant at);

}  // namespace foreman::store
