// schedule(), schedule_job(), alter_schedule(), unschedule(), trigger_schedule(), next_runs(): what runs by
// the clock.
//
// needs: bundle operator on the queue of the schedule's jobs, and on that of their handler; to change a
// command also the right to SET ROLE to the role that it runs as. A transaction that may write. errors: 22023
// for an expression, with the position of its fault, a time zone, a policy; 42601 and its like for a command;
// 54000 for one beyond 1 MB; 42501; 42704 for a name that
// is not there (api/absent.hpp); 42710; 55000 for a role that cannot have a session here; 25006. cost: a
// few prepared statements; the dispatcher hears of it at commit.
#include "api/absent.hpp"
#include "api/handle/run_as.hpp"
#include "api/public_function.hpp"
#include "pg/call.hpp"
#include "pg/latch.hpp"
#include "pg/memory.hpp"
#include "request/arguments.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"
#include "store/definitions/definitions.hpp"
#include "store/schedules/cron_jobs.hpp"
#include "store/schedules/fire.hpp"

namespace foreman::api {

namespace {

constexpr std::size_t kMaxCommandBytes = std::size_t{1} << 20;
constexpr int64 kMaxNextRuns = 10000;
constexpr int kDefaultNextRuns = 10;

int shown(std::string_view text) { return static_cast<int>(std::min<std::size_t>(text.size(), 96)); }

core::Missed parse_missed(std::string_view text) {
    if (text == "skip") return core::Missed::skip;
    if (text == "coalesce") return core::Missed::coalesce;
    if (text == "catch_up") return core::Missed::catch_up;
    throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "missed \"%.*s\" is not allowed", shown(text),
                      text.data())
        .hint("Allowed: skip, coalesce and catch_up.");
}

core::Overlap parse_overlap(std::string_view text) {
    if (text == "skip") return core::Overlap::skip;
    if (text == "buffer_one") return core::Overlap::buffer_one;
    if (text == "allow") return core::Overlap::allow;
    if (text == "cancel_other") return core::Overlap::cancel_other;
    throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "overlap \"%.*s\" is not allowed", shown(text),
                      text.data())
        .hint("Allowed: skip, buffer_one, allow and cancel_other.");
}

std::string_view accepted_command(std::string_view command) {
    if (command.size() > kMaxCommandBytes) {
        throw pg::Failure(ERRCODE_PROGRAM_LIMIT_EXCEEDED, "command of %zu kB is too large",
                          command.size() >> 10)
            .hint("Allowed: up to 1 MB. Write a procedure and CALL it.");
    }
    check_command(command);
    return command;
}

// What both kinds of schedule are made of; the expression and the zone are checked by timetable_of().
store::ScheduleSettings new_settings(OptionalText name, int64 id, std::string_view expression) {
    store::ScheduleSettings s;
    if (name) {
        s.name = *name;
    } else {
        char text[32];
        std::snprintf(text, sizeof(text), "schedule-" INT64_FORMAT, id);
        s.name = pg::copy_text(text);
    }
    s.expression = expression;
    s.timezone = store::kDefaultTimeZone;
    return s;
}

// Who schedules jobs of a kind could run its handler: that takes the right on both queues.
void require_on(const store::ScheduleSettings& s) {
    const std::string_view queue = store::queue_of(s);
    store::require(store::Bundle::operate, queue);
    const store::Handler& handler = store::find_handler(s.kind, queue);
    if (!s.command && handler.exists && handler.queue_name() != queue)
        store::require(store::Bundle::operate, handler.queue_name());
}

void refuse_command_kind(std::string_view kind) {
    const store::Handler& handler = store::find_handler(kind);
    if (!handler.exists || handler.shape != store::Shape::scheduled) return;
    throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "kind \"%.*s\" runs commands of schedules",
                      shown(kind), kind.data())
        .hint("Schedule a command with foreman.schedule().");
}

// What stands for a row of cron.job follows that row.
void leave_cron_alone(const store::StoredSchedule& s) {
    if (!store::is_cron_schedule(s.id)) return;
    throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                      "schedule \"%.*s\" belongs to job " INT64_FORMAT " of cron.job",
                      static_cast<int>(s.settings.name.size()), s.settings.name.data(),
                      store::cron_job_of(s.id))
        .hint("Use cron.alter_job() or cron.unschedule().");
}

// The schedule of this name that a new one would replace: the caller must operate it, and be able to act as
// its role.
bool find_replaced(std::string_view name, store::StoredSchedule* out) {
    if (!store::read_schedule(name, store::Lock::wait, CurrentMemoryContext, out)) return false;
    require_on(out->settings);
    leave_cron_alone(*out);
    const Oid owner = out->settings.run_as;
    if (owner != GetUserId() && !pg::call<&pg::compat::can_set_role>(GetUserId(), owner)) {
        throw pg::Failure(ERRCODE_DUPLICATE_OBJECT, "schedule \"%.*s\" exists, and belongs to another role",
                          static_cast<int>(name.size()), name.data())
            .hint("Use another name.");
    }
    return true;
}

bool same_times(const store::ScheduleSettings& a, const store::ScheduleSettings& b) {
    return a.expression == b.expression && a.timezone == b.timezone;
}

// Inserts it, or gives an existing one of the name these settings. One whose times stay the same goes on
// counting. Nothing: somebody else inserted that name just now, and has committed.
std::optional<int64> put(const store::ScheduleSettings& s, int64 id, const store::StoredSchedule* replaced) {
    if (replaced == nullptr)
        return store::insert_schedule(id, s, store::now()) ? std::optional(id) : std::nullopt;
    const bool start_over = !same_times(s, replaced->settings) || (s.active && !replaced->settings.active);
    store::update_schedule(replaced->id, s, start_over, store::now());
    return replaced->id;
}

// The last of several callers at once decides. Under REPEATABLE READ what another committed raises 40001.
template <class Try>
int64 put_in_the_end(Try try_once) {
    for (;;) {
        if (const std::optional<int64> id = try_once()) return *id;
        pg::check_interrupts();
    }
}

std::optional<int64> try_command(OptionalText name, std::string_view expression, std::string_view command,
                                 OptionalText timezone, OptionalText queue) {
    store::StoredSchedule replaced{};
    const bool exists = name && find_replaced(*name, &replaced);
    const int64 id = exists ? replaced.id : store::next_schedule_id();
    store::ScheduleSettings s = exists ? replaced.settings : new_settings(name, id, expression);
    s.expression = expression;
    s.command = accepted_command(command);
    s.args = pg::jsonb_from_text("{}");
    if (timezone) s.timezone = *timezone;
    if (queue) s.queue = *queue;
    (void)store::timetable_of(s);
    store::require(store::Bundle::operate, s.queue ? *s.queue : store::kDefaultQueue);
    s.run_as = check_run_as(std::nullopt);
    s.kind = store::command_kind_of(s.run_as, CurrentMemoryContext);
    return put(s, id, exists ? &replaced : nullptr);
}

int64 schedule_command(OptionalText name, std::string_view expression, std::string_view command,
                       OptionalText timezone = {}, OptionalText queue = {}) {
    (void)store::schema();
    return put_in_the_end([&] { return try_command(name, expression, command, timezone, queue); });
}

enum JobParameter : int {
    kName,
    kSchedule,
    kKind,
    kArgs,
    kQueue,
    kTimezone,
    kMissed,
    kOverlap,
    kActive,
    kPriority,
    kMaxAttempts,
    kTimeout
};

void set_limits(FunctionCallInfo fcinfo, store::ScheduleSettings* s, int priority, int max_attempts,
                int timeout) {
    if (const auto value = optional_priority(pg::optional_argument(fcinfo, priority))) s->priority = value;
    if (const auto value = optional_max_attempts(pg::optional_argument(fcinfo, max_attempts)))
        s->max_attempts = value;
    if (const auto value = optional_duration(pg::optional_argument(fcinfo, timeout), "timeout", kTimeouts))
        s->timeout_us = value->us;
}

constexpr const char* kListed = "The view foreman.schedules lists the schedules.";

// false: somebody else removed it meanwhile.
bool remove(const store::StoredSchedule& s) {
    require_on(s.settings);
    leave_cron_alone(s);
    return store::delete_schedule(s.id);
}

bool names_a_setting(FunctionCallInfo fcinfo, int first, int last) {
    for (int i = first; i <= last; i++) {
        if (pg::has_argument(fcinfo, i)) return true;
    }
    return false;
}

}  // namespace

FOREMAN_PUBLIC(schedule) {
    store::require_writable("foreman.schedule()");
    const std::string_view expression = required_text(pg::optional_argument(fcinfo, 0), "schedule");
    const std::string_view command = required_text(pg::optional_argument(fcinfo, 1), "command");
    return Int64GetDatum(schedule_command(std::nullopt, expression, command));
}

FOREMAN_PUBLIC(schedule_named) {
    store::require_writable("foreman.schedule()");
    const std::string_view name = required_name(pg::optional_argument(fcinfo, 0), "job_name");
    const std::string_view expression = required_text(pg::optional_argument(fcinfo, 1), "schedule");
    const std::string_view command = required_text(pg::optional_argument(fcinfo, 2), "command");
    const OptionalText timezone = optional_text(pg::optional_argument(fcinfo, 3));
    const OptionalText queue = optional_name(pg::optional_argument(fcinfo, 4), "queue");
    return Int64GetDatum(schedule_command(name, expression, command, timezone, queue));
}

FOREMAN_PUBLIC(schedule_job) {
    store::require_writable("foreman.schedule_job()");
    const std::string_view name = required_name(pg::optional_argument(fcinfo, kName), "name");
    store::ScheduleSettings s =
        new_settings(name, 0, required_text(pg::optional_argument(fcinfo, kSchedule), "schedule"));
    s.kind = required_name(pg::optional_argument(fcinfo, kKind), "kind");
    s.args = required(pg::optional_argument(fcinfo, kArgs), "args");
    s.queue = optional_name(pg::optional_argument(fcinfo, kQueue), "queue");
    if (const OptionalText zone = optional_text(pg::optional_argument(fcinfo, kTimezone))) s.timezone = *zone;
    s.missed = parse_missed(required_text(pg::optional_argument(fcinfo, kMissed), "missed"));
    s.overlap = parse_overlap(required_text(pg::optional_argument(fcinfo, kOverlap), "overlap"));
    s.active = DatumGetBool(required(pg::optional_argument(fcinfo, kActive), "active"));
    set_limits(fcinfo, &s, kPriority, kMaxAttempts, kTimeout);
    (void)store::timetable_of(s);
    require_on(s);
    refuse_command_kind(s.kind);
    s.run_as = GetUserId();
    return Int64GetDatum(put_in_the_end([&] {
        store::StoredSchedule replaced{};
        const bool exists = find_replaced(name, &replaced);
        return put(s, exists ? replaced.id : store::next_schedule_id(), exists ? &replaced : nullptr);
    }));
}

FOREMAN_PUBLIC(alter_schedule) {
    enum : int {
        kAlterName,
        kAlterSchedule,
        kAlterCommand,
        kAlterArgs,
        kAlterQueue,
        kAlterTimezone,
        kAlterMissed,
        kAlterOverlap,
        kAlterActive,
        kAlterPriority,
        kAlterMaxAttempts,
        kAlterTimeout,
        kAlterIfExists
    };
    store::require_writable("foreman.alter_schedule()");
    const std::string_view name = required_name(pg::optional_argument(fcinfo, kAlterName), "name");
    store::StoredSchedule stored{};
    const bool silent = wants_silence(fcinfo, kAlterIfExists, "if_exists");
    if (!names_a_setting(fcinfo, kAlterSchedule, kAlterTimeout)) {
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "alter_schedule() was given nothing to change")
            .hint("Name a setting.");
    }
    if (!store::read_schedule(name, store::Lock::wait, CurrentMemoryContext, &stored))
        return absent("schedule", name, silent, kListed);
    require_on(stored.settings);
    leave_cron_alone(stored);
    store::ScheduleSettings s = stored.settings;
    if (const OptionalText text = optional_text(pg::optional_argument(fcinfo, kAlterSchedule)))
        s.expression = *text;
    if (const OptionalText text = optional_text(pg::optional_argument(fcinfo, kAlterCommand))) {
        if (!s.command) {
            throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE,
                              "schedule \"%.*s\" runs jobs of a kind, not a command",
                              static_cast<int>(name.size()), name.data())
                .hint("Use foreman.schedule_job() to change its kind.");
        }
        s.command = accepted_command(*text);
        // Whoever changes what runs as a role must be able to act as it.
        check_run_as(ObjectIdGetDatum(s.run_as));
    }
    if (const OptionalDatum args = pg::optional_argument(fcinfo, kAlterArgs)) {
        if (s.command)
            throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "a command has no args")
                .hint("Change the command.");
        s.args = *args;
    }
    if (const OptionalText queue = optional_name(pg::optional_argument(fcinfo, kAlterQueue), "queue"))
        s.queue = *queue;
    if (const OptionalText zone = optional_text(pg::optional_argument(fcinfo, kAlterTimezone)))
        s.timezone = *zone;
    if (const OptionalText text = optional_text(pg::optional_argument(fcinfo, kAlterMissed)))
        s.missed = parse_missed(*text);
    if (const OptionalText text = optional_text(pg::optional_argument(fcinfo, kAlterOverlap)))
        s.overlap = parse_overlap(*text);
    if (const OptionalDatum active = pg::optional_argument(fcinfo, kAlterActive))
        s.active = DatumGetBool(*active);
    set_limits(fcinfo, &s, kAlterPriority, kAlterMaxAttempts, kAlterTimeout);
    (void)store::timetable_of(s);
    require_on(s);
    put(s, stored.id, &stored);
    return BoolGetDatum(true);
}

FOREMAN_PUBLIC(unschedule) {
    store::require_writable("foreman.unschedule()");
    const std::string_view name = required_name(pg::optional_argument(fcinfo, 0), "name");
    const bool silent = wants_silence(fcinfo, 1, "if_exists");
    store::StoredSchedule s{};
    if (store::read_schedule(name, store::Lock::none, CurrentMemoryContext, &s) && remove(s))
        return BoolGetDatum(true);
    return absent("schedule", name, silent, kListed);
}

FOREMAN_PUBLIC(unschedule_id) {
    store::require_writable("foreman.unschedule_id()");
    const int64 id = required_id(pg::optional_argument(fcinfo, 0), "schedule_id");
    const bool silent = wants_silence(fcinfo, 1, "if_exists");
    store::StoredSchedule s{};
    if (store::read_schedule(id, store::Lock::none, CurrentMemoryContext, &s) && remove(s))
        return BoolGetDatum(true);
    char text[32];
    std::snprintf(text, sizeof(text), INT64_FORMAT, id);
    return absent("schedule", text, silent, kListed);
}

FOREMAN_PUBLIC(trigger_schedule) {
    store::require_writable("foreman.trigger_schedule()");
    const std::string_view name = required_name(pg::optional_argument(fcinfo, 0), "name");
    store::StoredSchedule s{};
    if (!store::read_schedule(name, store::Lock::wait, CurrentMemoryContext, &s))
        return absent("schedule", name, false, kListed);
    require_on(s.settings);
    return Int64GetDatum(store::trigger(s, store::now()));
}

FOREMAN_PUBLIC(next_runs) {
    pg::ResultSet rows(fcinfo, pg::ResultSet::Of::values);
    store::ScheduleSettings s;
    s.expression = required_text(pg::optional_argument(fcinfo, 0), "schedule");
    s.timezone = optional_text(pg::optional_argument(fcinfo, 1)).value_or(store::kDefaultTimeZone);
    const OptionalDatum n = pg::optional_argument(fcinfo, 2);
    const int64 wanted = n ? required_count(n, "n", 1, kMaxNextRuns) : kDefaultNextRuns;
    const store::Timetable t = store::timetable_of(s);
    core::Instant at = store::now();
    const core::Instant anchor = core::anchor_of(at);
    for (int64 i = 0; i < wanted; i++) {
        const auto next = t.next(at, anchor);
        if (!next) break;
        const Datum row[] = {pg::to_datum(*next)};
        rows.put(row);
        at = *next;
    }
    return rows.done();
}

}  // namespace foreman::api
