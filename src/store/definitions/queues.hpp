// Queues: their settings, each of which is one entry of kQueueSettings. From that table follow the parameters
// of create_queue() and alter_queue(), the names in `reset`, the statements that read and write rows of
// foreman.queue, and the cache of this process.
// Invariant: the entries stand in the order of the parameters; the column, the parameter and the name in
// `reset` are one word. A setting that is NULL in the row has the default that `Queue` begins with.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "core/throttle.hpp"
#include "core/time.hpp"
#include "pg/datum.hpp"
#include "pg/spi.hpp"

namespace foreman::store {

constexpr int kDefaultKeepArgs = 8192;

/// What a queue is set to. -1 in an interval stands for the default of whoever uses it.
struct Queue {
    bool declared = false;
    bool paused = false;
    int16 priority = 0;
    int64 backoff_base_us = -1;
    int64 backoff_max_us = -1;
    int64 retain_completed_us = -1;
    int64 retain_cancelled_us = -1;
    int64 retain_discarded_us = -1;
    int32 keep_args = kDefaultKeepArgs;  // bytes
    int32 max_running = 0;               // 0: unlimited
    int32 max_running_per_key = 1;
    bool skip_later = false;  // sequence_policy: others of a sequence pass over a head that is due later
    core::ThrottlePolicy throttle;
    int32 ageing = 0;      // every n-th job is the oldest due one; 0: none
    int32 rate_limit = 0;  // 0: unlimited
    int64 rate_period_us = USECS_PER_SEC;
};

/// An interval in microseconds (a day is 24 h; checked when it was stored); -1 for NULL.
int64 interval_us(std::optional<Datum> interval);

// ---- the settings -----------------------------------------------------------

/// What create_queue() and alter_queue() accept.
enum class SettingRule {
    priority,  // a priority of jobs, as int4; the column is int2
    count,     // an int4 from `least` to `most`
    duration,  // an interval from `least` to `most` microseconds
    word       // one of `words`
};

struct QueueSetting {
    const char* name;
    SettingRule rule;
    int64 least, most;
    /// Takes over the column's value, which is not NULL.
    void (*read)(Queue* queue, Datum value);
    std::array<std::string_view, 2> words{};
    constexpr Oid column_type() const noexcept {
        return rule == SettingRule::priority ? INT2OID
               : rule == SettingRule::count  ? INT4OID
               : rule == SettingRule::word   ? TEXTOID
                                             : INTERVALOID;
    }
};

constexpr int64 kMostRunning = 1000000;
constexpr int64 kMostAgeing = 1000000;
constexpr int64 kMostKeepArgs = int64{256} << 20;
constexpr int64 kMostBackoff = core::days(366).us;
constexpr int64 kMostRetention = core::days(36525).us;
constexpr int64 kLeastWindow = core::milliseconds(1).us;
constexpr int64 kMostWindow = core::days(366).us;

inline constexpr QueueSetting kQueueSettings[] = {
    {"priority", SettingRule::priority, 0, 0, [](Queue* q, Datum v) { q->priority = DatumGetInt16(v); }},
    {"backoff_base", SettingRule::duration, 0, kMostBackoff,
     [](Queue* q, Datum v) { q->backoff_base_us = interval_us(v); }},
    {"backoff_max", SettingRule::duration, 0, kMostBackoff,
     [](Queue* q, Datum v) { q->backoff_max_us = interval_us(v); }},
    {"retain_completed", SettingRule::duration, 0, kMostRetention,
     [](Queue* q, Datum v) { q->retain_completed_us = interval_us(v); }},
    {"retain_cancelled", SettingRule::duration, 0, kMostRetention,
     [](Queue* q, Datum v) { q->retain_cancelled_us = interval_us(v); }},
    {"retain_discarded", SettingRule::duration, 0, kMostRetention,
     [](Queue* q, Datum v) { q->retain_discarded_us = interval_us(v); }},
    {"keep_args", SettingRule::count, 0, kMostKeepArgs,
     [](Queue* q, Datum v) { q->keep_args = DatumGetInt32(v); }},
    {"max_running", SettingRule::count, 1, kMostRunning,
     [](Queue* q, Datum v) { q->max_running = DatumGetInt32(v); }},
    {"max_running_per_key", SettingRule::count, 1, kMostRunning,
     [](Queue* q, Datum v) { q->max_running_per_key = DatumGetInt32(v); }},
    {"sequence_policy",
     SettingRule::word,
     0,
     0,
     [](Queue* q, Datum v) { q->skip_later = pg::text_view(v) == "skip"; },
     {"block", "skip"}},
    {"throttle_base", SettingRule::duration, kLeastWindow, kMostWindow,
     [](Queue* q, Datum v) { q->throttle.base = core::Micros{interval_us(v)}; }},
    {"throttle_max", SettingRule::duration, kLeastWindow, kMostWindow,
     [](Queue* q, Datum v) { q->throttle.max = core::Micros{interval_us(v)}; }},
    {"ageing", SettingRule::count, 2, kMostAgeing, [](Queue* q, Datum v) { q->ageing = DatumGetInt32(v); }},
    {"rate_limit", SettingRule::count, 1, kMostRunning,
     [](Queue* q, Datum v) { q->rate_limit = DatumGetInt32(v); }},
    {"rate_period", SettingRule::duration, kLeastWindow, kMostWindow,
     [](Queue* q, Datum v) { q->rate_period_us = interval_us(v); }},
};
constexpr int kQueueSettingCount = static_cast<int>(std::size(kQueueSettings));

/// The index of a setting in kQueueSettings.
consteval int queue_setting(std::string_view name) {
    int i = 0;
    while (kQueueSettings[i].name != name) i++;
    return i;
}

// ---- reading them -----------------------------------------------------------

/// cost: a hash probe; a row read after a change of any queue
const Queue& find_queue(std::string_view queue);
/// The row as this transaction left it; `declared` is false where there is none.
Queue read_own_queue(std::string_view queue);
/// does: calls `found` for every declared queue, in the order of their names.
/// needs: the owner's scope
void read_all_queues(void (*found)(std::string_view queue, const Queue& settings, void* arg), void* arg);

// ---- changing them ----------------------------------------------------------

/// Values as the columns have them; nothing keeps a setting, or leaves it at its default.
struct NewQueue {
    std::string_view name;
    std::array<std::optional<Datum>, kQueueSettingCount> values;
};

bool insert_queue(const NewQueue& queue);  ///< false: exists
/// does: gives the settings in `reset` their defaults, then changes those that are given.
/// returns: false: does not exist.
/// errors: 22023 for a name in `reset` that is no setting, and when what it comes to contradicts itself
bool update_queue(const NewQueue& queue, std::span<const std::string_view> reset);
/// false: does not exist;
/// errors: 55006 when it has unfinished jobs.
bool delete_queue(std::string_view name);

}  // namespace foreman::store
