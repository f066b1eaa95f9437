// See decision.hpp.
#include "engine/workflow/decision.hpp"

#include <algorithm>

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/error.hpp"
#include "request/job_object.hpp"
#include "store/db/clock.hpp"

namespace foreman::engine {

namespace {

constexpr uint32 kMostOfAKind = 10000;
constexpr std::size_t kMaxTimerKey = 200;

constexpr std::string_view kDecisionKeys[] = {"events",   "effects", "timers", "cancel_timers",
                                              "children", "signals", "search"};
constexpr std::string_view kEventKeys[] = {"type", "data", "version"};
constexpr std::string_view kEffectKeys[] = {"key", "on_result", "on_failure", "undo"};
constexpr std::string_view kTimerKeys[] = {"key", "after", "fire_at", "input"};
constexpr std::string_view kChildKeys[] = {"workflow_type", "workflow_id", "input", "on_end",
                                           "on_parent_end"};
constexpr std::string_view kSignalKeys[] = {"workflow_type", "workflow_id", "input"};

template <class T, class Read>
void read_all(const Fields& decision, const char* name, pg::vector<T>* out, Read read) {
    const JsonbValue* value = decision.find(name);
    if (value == nullptr) return;
    JsonbContainer* array = decision.array(name, kMostOfAKind);
    const uint32 n = JsonContainerSize(array);
    out->reserve(n);
    for (uint32 i = 0; i < n; i++) out->push_back(read(decision.element(name, array, i)));
}

EventAsked read_event(const Fields& f) {
    f.refuse_unknown(kEventKeys);
    EventAsked e;
    e.type = f.name("type");
    if (e.type.starts_with(core::kOwnEvents)) f.refuse("type", "must not begin with \"foreman.\"", e.type);
    if (JsonbValue* version = f.find("version"); version != nullptr)
        e.version = DatumGetInt32(*f.value(version, request::JsonType::integer, "version"));
    if (e.version < 1) f.refuse("version", "must be 1 or more");
    const JsonbValue* data = f.find("data");
    e.event = f.with_defaults(data != nullptr, e.version);
    return e;
}

EffectAsked read_effect(const Fields& f) {
    EffectAsked e;
    e.key = f.optional_name("key").value_or("");
    e.on_result = f.optional_name("on_result").value_or("");
    e.on_failure = f.optional_name("on_failure").value_or("");
    e.job = f.job(kEffectKeys);
    e.undo = read_undo(f);
    return e;
}

TimerAsked read_timer(const Fields& f, core::Instant now) {
    f.refuse_unknown(kTimerKeys);
    TimerAsked t;
    t.key = f.name("key");
    if (t.key.size() > kMaxTimerKey) f.refuse("key", "must not be longer than 200 bytes");
    t.fire_at = read_fire_time(f, now);
    t.input = f.json_or_empty("input");
    return t;
}

ChildAsked read_child(const Fields& f) {
    f.refuse_unknown(kChildKeys);
    return {f.name("workflow_type"), f.name("workflow_id"), f.optional_name("on_end").value_or(""),
            f.json_or_empty("input"), read_parent_end(f)};
}

SignalAsked read_signal(const Fields& f) {
    f.refuse_unknown(kSignalKeys);
    return {f.name("workflow_type"), f.name("workflow_id"), f.json_or_empty("input")};
}

template <class T>
void refuse_same_keys(const Fields& f, const pg::vector<T>& all, const char* field, const char* what) {
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<std::string_view> keys(&memory);
    for (const T& e : all) {
        if (!e.key.empty()) keys.push_back(e.key);
    }
    std::sort(keys.begin(), keys.end());
    if (const auto twice = std::adjacent_find(keys.begin(), keys.end()); twice != keys.end())
        f.refuse(field, what, *twice);
}

}  // namespace

std::optional<Datum> read_undo(const Fields& f) {
    JsonbValue* undo = f.find("undo");
    if (undo == nullptr || undo->type == jbvNull) return std::nullopt;
    (void)f.object("undo").job({});  // what is wrong with it is said now, not when it is needed
    return f.value(undo, request::JsonType::jsonb, "undo");
}

core::Instant read_fire_time(const Fields& f, core::Instant now) {
    JsonbValue* after = f.find("after");
    JsonbValue* fire_at = f.find("fire_at");
    if ((after == nullptr) == (fire_at == nullptr)) f.refuse("", "must have either \"after\" or \"fire_at\"");
    if (after != nullptr) {
        const auto value = f.value(after, request::JsonType::duration, "after");
        return now + f.checked("after",
                               [&] { return request::required_duration(value, "after", request::kDelays); });
    }
    const auto value = f.value(fire_at, request::JsonType::instant, "fire_at");
    const auto at = f.checked("fire_at", [&] { return request::optional_instant(value, "fire_at"); });
    if (!at) f.refuse("fire_at", "must not be null");
    if (*at < now) f.refuse("fire_at", "has passed; use greatest(now, ...)");
    return *at;
}

core::OnParentEnd read_parent_end(const Fields& f) {
    const std::string_view word = f.optional_name("on_parent_end").value_or("cancel");
    if (word == "cancel") return core::OnParentEnd::cancel;
    if (word == "terminate") return core::OnParentEnd::terminate;
    if (word == "abandon") return core::OnParentEnd::abandon;
    f.refuse("on_parent_end", "must be cancel, terminate or abandon");
}

void read_decision(Subject subject, Datum answer, core::Instant now, Decision* out) {
    const Fields f(subject, answer);
    if (JsonbValue* reject = f.find("reject"); reject != nullptr) {
        if (f.size() > 1) f.refuse("", "must not have anything beside \"reject\"");
        out->rejection = f.value(reject, request::JsonType::jsonb, "reject");
        if (!out->rejection) out->rejection = pg::jsonb_from_text("null");
        return;
    }
    f.refuse_unknown(kDecisionKeys);
    read_all(f, "events", &out->events, read_event);
    if (out->events.empty())
        f.refuse("events", "must have at least one event, or the answer must be {\"reject\": ...}");
    out->event_array = *f.value(f.find("events"), request::JsonType::jsonb, "events");
    read_all(f, "effects", &out->effects, read_effect);
    refuse_same_keys(f, out->effects, "effects", "has two effects of one key");
    read_all(f, "timers", &out->timers, [now](const Fields& t) { return read_timer(t, now); });
    refuse_same_keys(f, out->timers, "timers", "sets one timer twice");
    if (f.find("cancel_timers") != nullptr) {
        JsonbContainer* keys = f.array("cancel_timers", kMostOfAKind);
        for (uint32 i = 0; i < JsonContainerSize(keys); i++)
            out->cancel_timers.push_back(f.element_name("cancel_timers", keys, i));
    }
    read_all(f, "children", &out->children, read_child);
    read_all(f, "signals", &out->signals, read_signal);
    if (JsonbValue* search = f.find("search"); search != nullptr) {
        (void)f.object("search");
        out->search = f.value(search, request::JsonType::jsonb, "search");
    }
}

void read_event_array(Subject subject, Datum events, pg::vector<EventAsked>* out) {
    JsonbContainer* array =
        pg::guarded([events]() -> JsonbContainer* { return &DatumGetJsonbP(events)->root; });
    if (!JsonContainerIsArray(array) || JsonContainerIsScalar(array))
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "events must be an array")
            .hint("Such as [{\"type\": \"OrderPlaced\", \"data\": {}}].");
    const Fields whole(subject, pg::jsonb_from_text("{}"));
    for (uint32 i = 0; i < JsonContainerSize(array); i++)
        out->push_back(read_event(whole.element("events", array, i)));
}

store::NewJob read_job(Subject subject, Datum object, const char* field) {
    return Fields(subject, object, field).job({});
}

}  // namespace foreman::engine
