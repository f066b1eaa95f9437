// See publish.hpp.
#include "engine/publish/publish.hpp"

#include <algorithm>

#include "pg/error.hpp"
#include "pg/memory.hpp"
#include "store/db/clock.hpp"
#include "store/definitions/access.hpp"
#include "store/definitions/definitions.hpp"
#include "store/publish/publishes.hpp"
#include "store/publish/subscriptions.hpp"

namespace foreman::engine {

namespace {

constexpr int kMaxTries = 100;

bool may_feed(const store::Handler& handler, std::string_view queue) {
    if (!store::may(store::Bundle::producer, queue)) return false;
    return !handler.exists || handler.queue_name() == queue ||
           store::may(store::Bundle::producer, handler.queue_name());
}

// As enqueue() makes one, by the settings of the subscription, the publish, the handler and the queue in this order.
store::Delivery delivery(const store::Subscription& s, const Publishing& asked) {
    store::Delivery d{s.name, {}};
    store::NewJob& job = d.job;
    job.kind = s.kind;
    job.queue = !s.queue.empty()       ? s.queue
                : !asked.queue.empty() ? asked.queue
                                       : store::find_handler(s.kind).home_queue();
    if (!s.active) {
        job.id = store::kSkipped;
        return d;
    }
    const store::Handler& handler = store::find_handler(s.kind, job.queue);
    if (asked.by_caller && !may_feed(handler, job.queue)) {
        job.id = store::kRefused;
        return d;
    }
    job.priority = s.priority ? *s.priority : asked.priority.value_or(store::find_queue(job.queue).priority);
    job.max_attempts = s.max_attempts             ? *s.max_attempts
                       : handler.max_attempts > 0 ? handler.max_attempts
                                                  : int16{store::kDefaultMaxAttempts};
    job.run_at = asked.run_at;
    if (s.timeout) job.timeout_us = s.timeout->us;
    job.role = handler.run_as;
    job.unvouched = asked.by_caller && !handler.exists && !store::vouches(GetUserId(), job.kind, job.queue);
    job.origin = core::Origin::publish;
    job.id = store::next_job_id();
    return d;
}

}  // namespace

Published publish(const Publishing& asked) {
    const pg::Context context("foreman publish", CurrentMemoryContext);
    const pg::CurrentScope scope(context);
    pg::ContextResource memory(context);
    for (int tries = 0; tries < kMaxTries; tries++) {
        if (!asked.key.empty()) {
            if (const std::optional<int64> known = store::find_publish(asked.topic, asked.key))
                return {Taken::known, *known, {}};
        }
        const store::SubscriptionSet& set = store::subscriptions();
        pg::vector<std::size_t> matches(&memory);
        core::match_topic(set.patterns, asked.topic, [&](std::size_t n) { matches.push_back(n); });
        if (matches.empty()) return {Taken::unmatched, 0, {}};
        std::sort(matches.begin(), matches.end());
        pg::vector<store::Delivery> deliveries(&memory);
        deliveries.reserve(matches.size());
        for (const std::size_t n : matches) deliveries.push_back(delivery(set.all[n], asked));
        if (std::all_of(deliveries.begin(), deliveries.end(),
                        [](const store::Delivery& d) { return d.job.id == store::kRefused; }))
            return {Taken::refused, 0, deliveries[0].job.queue};
        store::NewPublish p;
        p.id = store::next_publish_id();
        p.topic = asked.topic;
        p.payload = asked.payload;
        p.key = asked.key;
        p.published_at = store::now();
        p.run_at = asked.run_at;
        if (store::insert_publish(p, {deliveries.data(), deliveries.size()}))
            return {Taken::published, p.id, {}};
    }
    throw pg::Failure(ERRCODE_T_R_SERIALIZATION_FAILURE, "idempotency_key \"%.*s\" changes hands too often",
                      static_cast<int>(asked.key.size()), asked.key.data())
        .hint("Try again.");
}

}  // namespace foreman::engine
