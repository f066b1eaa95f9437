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

// Of create_queue() and alter_queue(): the name, the settings in the order of store::kQueueSettings, then
// what follows.
constexpr int kName = 0;
constexpr int kFirstSetting = 1;
constexpr int kIfNotExists = kFirstSetting + store::kQueueSettingCount;  // of create_queue()
constexpr int kReset = kIfNotExists;                                     // of alter_queue()
constexpr int kAlterIfExists = kReset + 1;
constexpr int kRatePeriod = kFirstSetting + store::queue_setting("rate_period");
constexpr int kIfExists = 1;  // of the functions that take a name only
constexpr const char* kUndeclared =
    "foreman.create_queue() declares a queue; the view foreman.queues lists those there are.";

// The value as its column has it.
Datum checked(const store::QueueSetting& setting, Datum value) {
    switch (setting.rule) {
        case store::SettingRule::priority:
            return Int16GetDatum(*optional_priority(value));
        case store::SettingRule::count:
            required_count(value, setting.name, setting.least, setting.most);
            break;
        case store::SettingRule::duration:
            optional_duration(value, setting.name, {core::Micros{setting.least}, core::Micros{setting.most}});
            break;
        case store::SettingRule::word:
            if (const std::string_view word = pg::text_view(value);
                word != setting.words[0] && word != setting.words[1]) {
                char allowed[64];
                std::snprintf(allowed, sizeof(allowed), "%s or %s", setting.words[0].data(),
                              setting.words[1].data());
                refuse(core::make_error(core::ErrorCode::invalid, setting.name, word, allowed));
            }
            break;
    }
    return value;
}

store::NewQueue queue_of(FunctionCallInfo fcinfo, bool is_new) {
    store::NewQueue q{};
    q.name = required_name(pg::optional_argument(fcinfo, kName), "name");
    store::Queue given;
    given.throttle.base = is_new ? given.throttle.base : core::Micros{};
    for (int i = 0; i < store::kQueueSettingCount; i++) {
        const store::QueueSetting& setting = store::kQueueSettings[i];
        const OptionalDatum value = pg::optional_argument(fcinfo, kFirstSetting + i);
        if (!value) continue;
        q.values[static_cast<std::size_t>(i)] = checked(setting, *value);
        setting.read(&given, *q.values[static_cast<std::size_t>(i)]);
    }
    if (given.backoff_max_us >= 0 && given.backoff_max_us < given.backoff_base_us)
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "backoff_max must not be less than backoff_base");
    if (given.throttle.max.us >= 0 && given.throttle.max < given.throttle.base)
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE,
                          "throttle_max must not be less than throttle_base");
    if (is_new && given.rate_limit == 0 && pg::has_argument(fcinfo, kRatePeriod))
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "rate_period needs a rate_limit");
    return q;
}

bool names_a_setting(FunctionCallInfo fcinfo) {
    for (int i = kFirstSetting; i <= kReset; i++) {
        if (pg::has_argument(fcinfo, i)) return true;
    }
    return false;
}

pg::vector<std::string_view> settings_to_reset(FunctionCallInfo fcinfo, pg::ContextResource* memory) {
    pg::vector<std::string_view> settings(memory);
    if (!pg::has_argument(fcinfo, kReset)) return settings;
    const pg::Elements names = required_elements(pg::argument(fcinfo, kReset), "reset", pg::kText);
    for (int i = 0; i < names.count; i++) {
        if (!names.nulls[i]) settings.push_back(pg::text_view(names.values[i]));
    }
    return settings;
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
    pg::ContextResource memory(CurrentMemoryContext);
    const auto reset = settings_to_reset(fcinfo, &memory);
    return store::update_queue(q, {reset.data(), reset.size()})
               ? BoolGetDatum(true)
               : absent("queue", q.name, silent, kUndeclared);
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
