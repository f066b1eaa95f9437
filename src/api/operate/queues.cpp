// create_queue(), alter_queue(), drop_queue(), pause_queue(), resume_queue(): the settings of a queue. A
// queue that nobody declared has the defaults, and only roles with rights on all queues can use it.
//
// needs: bundle operator on the queue; to create one, on all queues.
// errors: 42501; 25006; 42710 for creating a queue that exists, 42704 for one that does not exist, unless the
// caller wants silence (api/absent.hpp); 55006 for dropping one that has unfinished jobs; arguments as in
// request/arguments.hpp.
// cost: one row; every process rereads the queue at its next use.
#include "api/absent.hpp"
#include "api/public_function.hpp"
#include "pg/error.hpp"
#include "pg/memory.hpp"
#include "request/arguments.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"
#include "store/definitions/definitions.hpp"
#include "store/definitions/queue_settings.hpp"

namespace foreman::api {

namespace {

enum Parameter : int {
    kName,
    kPriority,
    kBackoffBase,
    kBackoffMax,
    kRetainCompleted,
    kRetainCancelled,
    kRetainDiscarded,
    kKeepArgs,
    kMaxRunning,
    kMaxRunningPerKey,
    kSequencePolicy,
    kThrottleBase,
    kThrottleMax,
    kAgeing,
    kRateLimit,
    kRatePeriod,
    kIfNotExists,  // of create_queue()
    kReset = kIfNotExists,
    kAlterIfExists
};
constexpr int kIfExists = 1;  // of the functions that take a name only
constexpr const char* kUndeclared =
    "foreman.create_queue() declares a queue; the view foreman.queues lists those there are.";

constexpr int64 kMaxMaxRunning = 1000000;
constexpr Span kRatePeriods{core::milliseconds(1), core::days(366)};
constexpr int64 kMaxAgeing = 1000000;
constexpr Span kCoolDowns{core::milliseconds(1), core::days(366)};
constexpr int64 kMaxKeepArgs = int64{256} << 20;

OptionalDatum retention(FunctionCallInfo fcinfo, int index, const char* argument) {
    const OptionalDatum value = pg::optional_argument(fcinfo, index);
    optional_duration(value, argument, kRetentions);
    return value;
}

store::NewQueue queue_of(FunctionCallInfo fcinfo, bool is_new) {
    store::NewQueue q{};
    q.name = required_name(pg::optional_argument(fcinfo, kName), "name");
    q.priority = optional_priority(pg::optional_argument(fcinfo, kPriority));
    q.backoff_base = pg::optional_argument(fcinfo, kBackoffBase);
    q.backoff_max = pg::optional_argument(fcinfo, kBackoffMax);
    const auto base = optional_duration(q.backoff_base, "backoff_base", kBackoffs);
    const auto max = optional_duration(q.backoff_max, "backoff_max", kBackoffs);
    if (base && max && *base > *max)
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "backoff_max must not be less than backoff_base");
    q.retain_completed = retention(fcinfo, kRetainCompleted, "retain_completed");
    q.retain_cancelled = retention(fcinfo, kRetainCancelled, "retain_cancelled");
    q.retain_discarded = retention(fcinfo, kRetainDiscarded, "retain_discarded");
    if (const OptionalDatum keep = pg::optional_argument(fcinfo, kKeepArgs))
        q.keep_args = static_cast<int32>(required_count(keep, "keep_args", 0, kMaxKeepArgs));
    if (const OptionalDatum most = pg::optional_argument(fcinfo, kMaxRunning))
        q.max_running = static_cast<int32>(required_count(most, "max_running", 1, kMaxMaxRunning));
    if (const OptionalDatum most = pg::optional_argument(fcinfo, kMaxRunningPerKey))
        q.max_running_per_key =
            static_cast<int32>(required_count(most, "max_running_per_key", 1, kMaxMaxRunning));
    q.sequence_policy = pg::text_argument(fcinfo, kSequencePolicy);
    if (q.sequence_policy && *q.sequence_policy != "block" && *q.sequence_policy != "skip")
        refuse(core::make_error(core::ErrorCode::invalid, "sequence_policy", *q.sequence_policy,
                                "block or skip"));
    q.throttle_base = pg::optional_argument(fcinfo, kThrottleBase);
    q.throttle_max = pg::optional_argument(fcinfo, kThrottleMax);
    const auto cool = optional_duration(q.throttle_base, "throttle_base", kCoolDowns);
    const auto longest = optional_duration(q.throttle_max, "throttle_max", kCoolDowns);
    if (longest && *longest < cool.value_or(is_new ? core::ThrottlePolicy{}.base : core::Micros{}))
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE,
                          "throttle_max must not be less than throttle_base");
    if (const OptionalDatum most = pg::optional_argument(fcinfo, kRateLimit))
        q.rate_limit = static_cast<int32>(required_count(most, "rate_limit", 1, kMaxMaxRunning));
    q.rate_period = pg::optional_argument(fcinfo, kRatePeriod);
    optional_duration(q.rate_period, "rate_period", kRatePeriods);
    if (q.rate_period && is_new && !q.rate_limit)
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "rate_period needs a rate_limit");
    if (const OptionalDatum every = pg::optional_argument(fcinfo, kAgeing))
        q.ageing = static_cast<int32>(required_count(every, "ageing", 2, kMaxAgeing));
    return q;
}

bool names_a_setting(FunctionCallInfo fcinfo) {
    for (int i = kPriority; i <= kReset; i++) {
        if (pg::has_argument(fcinfo, i)) return true;
    }
    return false;
}

// Of alter_queue(): before the others are changed, so that what is given holds.
void reset_settings(FunctionCallInfo fcinfo, std::string_view queue) {
    if (!pg::has_argument(fcinfo, kReset)) return;
    const pg::Context context("foreman reset", CurrentMemoryContext);
    pg::ContextResource memory(context);
    const pg::Elements names = required_elements(pg::argument(fcinfo, kReset), "reset", pg::kText);
    pg::vector<std::string_view> settings(&memory);
    for (int i = 0; i < names.count; i++) {
        if (!names.nulls[i]) settings.push_back(pg::text_view(names.values[i]));
    }
    store::reset_queue_settings(queue, {settings.data(), settings.size()});
}

std::string_view operated_queue(FunctionCallInfo fcinfo) {
    const std::string_view name = required_name(pg::optional_argument(fcinfo, kName), "name");
    store::require(store::Bundle::operate, name);
    return name;
}

// A queue that nobody declared can be paused while something uses it; a name that nothing uses is a mistake.
Datum pause_or_resume(FunctionCallInfo fcinfo, bool pause) {
    const bool silent = wants_silence(fcinfo, kIfExists, "if_exists");
    const std::string_view name = operated_queue(fcinfo);
    if (!store::find_queue(name).declared && !store::queue_is_used(name))
        return absent("queue", name, silent, kUndeclared);
    return BoolGetDatum(store::set_queue_paused(name, pause));
}

}  // namespace

FOREMAN_PUBLIC(create_queue) {
    store::require_writable("foreman.create_queue()");
    const store::NewQueue q = queue_of(fcinfo, true);
    const bool silent = wants_silence(fcinfo, kIfNotExists, "if_not_exists");
    store::require(store::Bundle::operate, q.name);
    const bool created = store::insert_queue(q);
    if (!created && !silent) {
        throw pg::Failure(ERRCODE_DUPLICATE_OBJECT, "queue \"%.*s\" exists", static_cast<int>(q.name.size()),
                          q.name.data())
            .hint("foreman.alter_queue() changes its settings; if_not_exists => true keeps them.");
    }
    return BoolGetDatum(created);
}

FOREMAN_PUBLIC(alter_queue) {
    store::require_writable("foreman.alter_queue()");
    const store::NewQueue q = queue_of(fcinfo, false);
    const bool silent = wants_silence(fcinfo, kAlterIfExists, "if_exists");
    store::require(store::Bundle::operate, q.name);
    if (!names_a_setting(fcinfo)) {
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "alter_queue() was given nothing to change")
            .hint("Name a setting, or name it in the array reset.");
    }
    reset_settings(fcinfo, q.name);
    return store::update_queue(q) ? BoolGetDatum(true) : absent("queue", q.name, silent, kUndeclared);
}

FOREMAN_PUBLIC(drop_queue) {
    store::require_writable("foreman.drop_queue()");
    const bool silent = wants_silence(fcinfo, kIfExists, "if_exists");
    const std::string_view name = operated_queue(fcinfo);
    return store::delete_queue(name) ? BoolGetDatum(true) : absent("queue", name, silent, kUndeclared);
}

/// Nothing of the queue is claimed from the commit on; what runs goes on. false: it was paused.
FOREMAN_PUBLIC(pause_queue) {
    store::require_writable("foreman.pause_queue()");
    return pause_or_resume(fcinfo, true);
}

/// false: it was not paused.
FOREMAN_PUBLIC(resume_queue) {
    store::require_writable("foreman.resume_queue()");
    return pause_or_resume(fcinfo, false);
}

}  // namespace foreman::api
