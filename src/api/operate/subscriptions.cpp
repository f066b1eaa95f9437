// subscribe(), alter_subscription(), unsubscribe(): who hears of which topics.
//
// needs: bundle operator on all queues, since topics are of no queue.
// errors: 42501; 25006; 42710 for a name that is taken; 42704 for one that is not there; 42939 for kinds of workflows and projections;
// arguments as in request/arguments.hpp. cost: a row; every process reads all subscriptions again before its next publish.
#include "store/publish/subscriptions.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "api/absent.hpp"
#include "api/public_function.hpp"
#include "core/workflow.hpp"
#include "pg/error.hpp"
#include "pg/memory.hpp"
#include "request/arguments.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"
#include "store/definitions/definitions.hpp"
#include "store/feed/projections.hpp"
#include "store/workflows/types.hpp"

namespace foreman::api {

namespace {

// Of both functions; in subscribe() pattern and kind come first, in alter_subscription() the name does.
enum SubscriptionParameter : int { kQueue = 3, kPriority, kMaxAttempts, kTimeout, kActive, kReset };

std::string_view required_pattern(OptionalDatum value) {
    return accept(core::check_pattern("pattern", optional_text(value)));
}

std::string_view required_kind(OptionalDatum value) {
    const std::string_view kind = required_name(value, "kind");
    const store::Shape shape = store::find_handler(kind).shape;
    if (kind.starts_with(store::kWorkflowKind) || kind.starts_with(core::kTaskKind) ||
        kind.starts_with(store::kProjectionKind) || shape == store::Shape::scheduled)
        throw pg::Failure(ERRCODE_RESERVED_NAME, "kind \"%.*s\" takes no deliveries",
                          static_cast<int>(kind.size()), kind.data())
            .hint(
                "Allowed: kinds of handlers and of workers outside. A handler may call "
                "foreman.signal_workflow().");
    return kind;
}

std::string_view default_name(std::string_view pattern, std::string_view kind) {
    const char* name = pg::guarded([&]() -> const char* {
        return psprintf("%.*s:%.*s", static_cast<int>(pattern.size()), pattern.data(),
                        static_cast<int>(kind.size()), kind.data());
    });
    const std::string_view made(name);
    if (made.size() > core::kMaxNameBytes)
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE,
                          "pattern and kind are too long for a name made of both")
            .hint("Give the subscription a name.");
    return made;
}

// Of store::Subscription and store::SubscriptionChange: those that are given.
void set_settings(FunctionCallInfo fcinfo, auto* s) {
    if (const OptionalText queue = optional_name(pg::optional_argument(fcinfo, kQueue), "queue"))
        s->queue = *queue;
    s->priority = optional_priority(pg::optional_argument(fcinfo, kPriority));
    s->max_attempts = optional_max_attempts(pg::optional_argument(fcinfo, kMaxAttempts));
    s->timeout = optional_duration(pg::optional_argument(fcinfo, kTimeout), "timeout", kTimeouts);
}

void reset_settings(OptionalDatum names_of, store::SubscriptionChange* c) {
    if (!names_of) return;
    const std::pair<std::string_view, bool*> settings[] = {{"queue", &c->reset_queue},
                                                           {"priority", &c->reset_priority},
                                                           {"max_attempts", &c->reset_max_attempts},
                                                           {"timeout", &c->reset_timeout}};
    const pg::Elements names = required_elements(names_of, "reset", pg::kText);
    for (int i = 0; i < names.count; i++) {
        const std::string_view name =
            required_name(names.nulls[i] ? OptionalDatum{} : OptionalDatum{names.values[i]}, "reset");
        const auto* found = std::find_if(std::begin(settings), std::end(settings),
                                         [name](const auto& s) { return s.first == name; });
        if (found == std::end(settings))
            refuse(core::make_error(core::ErrorCode::invalid, "reset", name,
                                    "queue, priority, max_attempts and timeout"));
        *found->second = true;
    }
}

constexpr const char* kWhereListed = "The view foreman.subscriptions lists the subscriptions.";

}  // namespace

FOREMAN_PUBLIC(subscribe) {
    store::require_writable("foreman.subscribe()");
    store::require_all(store::Bundle::operate);
    store::Subscription s{};
    s.pattern = required_pattern(pg::optional_argument(fcinfo, 0));
    s.kind = required_kind(pg::optional_argument(fcinfo, 1));
    const OptionalText name = optional_name(pg::optional_argument(fcinfo, 2), "name");
    s.name = name ? *name : default_name(s.pattern, s.kind);
    s.active = DatumGetBool(required(pg::optional_argument(fcinfo, kActive), "active"));
    set_settings(fcinfo, &s);
    const int64 id = store::insert_subscription(s);
    if (id == 0)
        throw pg::Failure(ERRCODE_DUPLICATE_OBJECT, "subscription \"%.*s\" exists",
                          static_cast<int>(s.name.size()), s.name.data())
            .hint("Use foreman.alter_subscription() to change it, or another name.");
    return Int64GetDatum(id);
}

FOREMAN_PUBLIC(alter_subscription) {
    store::require_writable("foreman.alter_subscription()");
    store::require_all(store::Bundle::operate);
    store::SubscriptionChange c{};
    c.name = required_name(pg::optional_argument(fcinfo, 0), "name");
    if (const OptionalDatum pattern = pg::optional_argument(fcinfo, 1)) c.pattern = required_pattern(pattern);
    if (const OptionalDatum kind = pg::optional_argument(fcinfo, 2)) c.kind = required_kind(kind);
    if (const OptionalDatum active = pg::optional_argument(fcinfo, kActive)) c.active = DatumGetBool(*active);
    set_settings(fcinfo, &c);
    reset_settings(pg::optional_argument(fcinfo, kReset), &c);
    if (store::change_subscription(c)) return BoolGetDatum(true);
    return absent("subscription", c.name, false, kWhereListed);
}

FOREMAN_PUBLIC(unsubscribe) {
    store::require_writable("foreman.unsubscribe()");
    store::require_all(store::Bundle::operate);
    const std::string_view name = required_name(pg::optional_argument(fcinfo, 0), "name");
    const bool silent = wants_silence(fcinfo, 1, "if_exists");
    if (store::remove_subscription(name)) return BoolGetDatum(true);
    return absent("subscription", name, silent, kWhereListed);
}

}  // namespace foreman::api
