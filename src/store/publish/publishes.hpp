// Publishes as rows, and their deliveries as jobs; those that came to nobody.
// Invariant: a publish names the job of each of its deliveries, and both are inserted in one transaction. Nothing is
// written to it afterwards.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "pg/memory.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::store {

/// In the place of a job of a publish.
constexpr int64 kSkipped = 0;   ///< the subscription was off
constexpr int64 kRefused = -1;  ///< the publisher may not feed its queue

struct NewPublish {
    int64 id = 0;
    std::string_view topic;
    Datum payload = 0;     ///< jsonb
    std::string_view key;  ///< empty: none
    core::Instant published_at{}, run_at{};
};
struct Delivery {
    std::string_view subscription;
    NewJob job;  ///< its id: the job's, kSkipped or kRefused
};

int64 next_publish_id();
/// The publish of a topic and a key that is committed or of this transaction.
std::optional<int64> find_publish(std::string_view topic, std::string_view key);
/// does: inserts a publish, and the jobs of its deliveries in one statement.
/// returns: false when another one has its topic and key, whose transaction it has waited for; nothing is inserted then
/// errors: 40001 for such a one in a transaction that keeps its first snapshot
bool insert_publish(const NewPublish& publish, std::span<const Delivery> deliveries);

/// So many publishes that came to nobody are kept.
constexpr int64 kMostUnroutable = 10000;
struct Unroutable {
    std::optional<std::string_view> topic, key;
    std::optional<Datum> payload;
    std::string_view reason, by;
};
/// does: records a publish that came to nobody. Rows beyond kMostUnroutable are removed, one with each that is added.
void note_unroutable(const Unroutable& unroutable);

}  // namespace foreman::store
