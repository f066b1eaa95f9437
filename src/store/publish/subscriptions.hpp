// Subscriptions as they are defined, all of them in a cache of this process with their patterns sorted, which a change
// of any of them resets.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "core/time.hpp"
#include "core/topic.hpp"
#include "pg/prelude.hpp"
#include "store/db/relation_cache.hpp"

namespace foreman::store {

struct Subscription {
    int64 id;
    std::string_view name, pattern, kind;
    std::string_view queue;  ///< empty: that of the publish, else that of the handler
    std::optional<int16> priority, max_attempts;
    std::optional<core::Micros> timeout;
    bool active;
};

struct SubscriptionSet {
    char name[kCacheKeyBytes];                     ///< for the cache: there is one set
    std::span<const Subscription> all;             ///< by name
    std::span<const core::TopicPattern> patterns;  ///< sorted; a number is a place in `all`
    bool hears_workflows;  ///< a pattern may match the topic of an event of a workflow
};

/// does: reads all subscriptions where they have changed.
/// cost: a hash probe; after a change a read of the whole table and a sort
const SubscriptionSet& subscriptions();

/// does: inserts a subscription; its id is the next one.
/// returns: its id; 0 when the name is taken
int64 insert_subscription(const Subscription& subscription);
/// What is set is changed, and what is reset has no value of its own any more.
struct SubscriptionChange {
    std::string_view name;
    std::optional<std::string_view> pattern, kind, queue;
    std::optional<int16> priority, max_attempts;
    std::optional<core::Micros> timeout;
    std::optional<bool> active;
    bool reset_queue = false, reset_priority = false, reset_max_attempts = false, reset_timeout = false;
};
/// returns: false when there is none
bool change_subscription(const SubscriptionChange& change);
/// returns: false when there is none
bool remove_subscription(std::string_view name);

/// What waits for a handler that is not there.
struct Unheard {
    int64
        subscriptions;  ///< that are active, without a handler, and have a delivery that is due since before `since`
    std::string_view name;  ///< of the first; in CurrentMemoryContext
    std::string_view kind;
};
Unheard unheard_subscriptions(core::Instant since);

}  // namespace foreman::store
