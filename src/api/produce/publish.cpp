// publish() and topic_matches().
//
// needs: for publish(), bundle producer, whose queues are those that it reaches; a transaction that may write.
// errors: 25006; what is wrong with a publish is recorded in unroutable_publish and raises nothing.
// cost: one row, and a job for each subscription that matches.
#include "engine/publish/publish.hpp"

#include "api/public_function.hpp"
#include "core/topic.hpp"
#include "pg/error.hpp"
#include "request/enqueue_request.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/publish/publishes.hpp"

namespace foreman::api {

namespace {

enum PublishParameter : int {
    kTopic,
    kPayload,
    kIdempotencyKey,
    kPublishQueue,
    kPublishPriority,
    kPublishRunAt
};

engine::Publishing check_publish(FunctionCallInfo fcinfo) {
    engine::Publishing p;
    p.topic = accept(core::check_topic("topic", optional_text(pg::optional_argument(fcinfo, kTopic))));
    if (core::first_segment(p.topic) == core::kWorkflowTopics)
        throw pg::Failure(ERRCODE_RESERVED_NAME, "topic \"%.*s\" is that of an event of a workflow",
                          static_cast<int>(p.topic.size()), p.topic.data())
            .hint("Allowed: topics whose first segment is another word than workflow.");
    const OptionalDatum payload = pg::optional_argument(fcinfo, kPayload);
    p.payload = required(payload, "payload");
    check_size(p.payload, "payload");
    p.key = optional_name(pg::optional_argument(fcinfo, kIdempotencyKey), "idempotency_key").value_or("");
    p.queue = optional_name(pg::optional_argument(fcinfo, kPublishQueue), "queue").value_or("");
    p.priority = optional_priority(pg::optional_argument(fcinfo, kPublishPriority));
    p.run_at =
        optional_instant(pg::optional_argument(fcinfo, kPublishRunAt), "run_at").value_or(store::now());
    return p;
}

Datum record_unroutable(FunctionCallInfo fcinfo, std::string_view reason) {
    const char* by = pg::guarded([]() -> const char* { return GetUserNameFromId(GetUserId(), false); });
    store::note_unroutable({optional_text(pg::optional_argument(fcinfo, kTopic)),
                            optional_text(pg::optional_argument(fcinfo, kIdempotencyKey)),
                            pg::optional_argument(fcinfo, kPayload), reason, by});
    return pg::return_null(fcinfo);
}

}  // namespace

FOREMAN_PUBLIC(publish) {
    store::require_writable("foreman.publish()");
    engine::Publishing asked;
    try {
        asked = check_publish(fcinfo);
    } catch (const pg::Failure& f) {
        return record_unroutable(fcinfo, pg::guarded([&f]() -> const char* {
                                     return *f.hint() == '\0' ? pstrdup(f.message())
                                                              : psprintf("%s; %s", f.message(), f.hint());
                                 }));
    }
    const engine::Published done = engine::publish(asked);
    switch (done.taken) {
        case engine::Taken::published:
        case engine::Taken::known:
            break;
        case engine::Taken::unmatched:
            return record_unroutable(fcinfo, "no subscription matches the topic");
        case engine::Taken::refused:
            return record_unroutable(fcinfo, pg::guarded([&done]() -> const char* {
                                         return psprintf("permission denied for queue \"%.*s\"",
                                                         static_cast<int>(done.refused_by.size()),
                                                         done.refused_by.data());
                                     }));
    }
    return Int64GetDatum(done.id);
}

FOREMAN_PUBLIC(topic_matches) {
    const std::string_view pattern =
        accept(core::check_pattern("pattern", optional_text(pg::optional_argument(fcinfo, 0))));
    const std::string_view topic =
        accept(core::check_topic("topic", optional_text(pg::optional_argument(fcinfo, 1))));
    return BoolGetDatum(core::topic_matches(pattern, topic));
}

}  // namespace foreman::api
