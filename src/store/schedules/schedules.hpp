// Schedules as rows: what was scheduled, and when it is due next. Called by api/schedule/schedules.cpp, which
// checks arguments and rights, and by store/schedules/fire.cpp. Invariant: next_fire_at of an active schedule
// is a time that it has never fired for in its generation, or NULL when no time will come.
#pragma once

#include <optional>
#include <string_view>

#include "board/board.hpp"
#include "core/fire_plan.hpp"
#include "pg/spi.hpp"
#include "pg/time_zone.hpp"

namespace foreman::store {

inline constexpr std::string_view kDefaultTimeZone = "UTC";
/// Kinds of the handlers that run scheduled commands, one for each role that has any.
inline constexpr std::string_view kCommandKind = "foreman.command:";

/// What a schedule is, as its author sees it.
struct ScheduleSettings {
    std::string_view name, expression, kind, timezone;
    std::optional<std::string_view> command, queue;
    Datum args = 0;
    core::Missed missed = core::Missed::coalesce;
    core::Overlap overlap = core::Overlap::skip;
    bool active = true;
    std::optional<int16> priority, max_attempts;
    std::optional<int64> timeout_us;
    Oid run_as = InvalidOid;
};

struct StoredSchedule {
    int64 id;
    ScheduleSettings settings;
    int32 generation;
    core::Instant anchor;
    std::optional<core::Instant> next_fire_at, last_fired_at, last_scheduled_at, buffered_at, boot_at;
    int caught_up;
    int64 skipped;
    std::optional<int64> last_job_id;
    bool unfinished;  ///< the job of its last run is still live
};

/// An expression and its zone, ready to be asked.
/// errors: 22023: what was stored is none any more
struct Timetable {
    core::Schedule schedule;
    pg::TimeZone zone;
    std::optional<core::Instant> next(core::Instant after, core::Instant anchor) const noexcept {
        return core::next_after(schedule, after, anchor, zone);
    }
};
Timetable timetable_of(const ScheduleSettings& settings);

/// The queue that jobs of a schedule go to.
std::string_view queue_of(const ScheduleSettings& settings);

enum class Lock : uint8 { none, wait, skip_locked };
/// does: reads a schedule, texts copied to `context`.
/// returns: false when there is none, or it is locked
bool read_schedule(std::string_view name, Lock lock, MemoryContext context, StoredSchedule* out);
bool read_schedule(int64 id, Lock lock, MemoryContext context, StoredSchedule* out);
/// The id of the next new schedule, which its name may have to hold.
int64 next_schedule_id();
/// does: inserts it, due for the first time after `now`.
/// returns: false when the name is taken
bool insert_schedule(int64 id, const ScheduleSettings& settings, core::Instant now);
/// does: writes all settings; start_over: it is due for the first time after `now`, in a new generation.
void update_schedule(int64 id, const ScheduleSettings& settings, bool start_over, core::Instant now);
bool delete_schedule(int64 id);
/// The kind whose handler runs commands of schedules as this role; makes it where there is none.
std::string_view command_kind_of(Oid role, MemoryContext context);
/// Why a schedule cannot go on: it is inactive until somebody alters it.
/// returns: its name
std::string_view disable_schedule(int64 id, std::string_view error, core::Instant now, MemoryContext context);

/// Copies a row with the columns of kScheduleColumns (store/schedules/schedule_columns.hpp).
void copy_schedule(const pg::Row& row, MemoryContext context, StoredSchedule* out);

}  // namespace foreman::store
