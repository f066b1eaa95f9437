// A publish: which subscriptions take it, and which job each of them gets. Called by publish() and for the events of
// workflows.
#pragma once

#include <optional>
#include <string_view>

#include "core/time.hpp"
#include "pg/prelude.hpp"

namespace foreman::engine {

/// A publish that was checked.
struct Publishing {
    std::string_view topic;
    Datum payload = 0;              ///< jsonb
    std::string_view key;           ///< empty: none
    std::string_view queue;         ///< of subscriptions that name none; empty: that of the handler
    std::optional<int16> priority;  ///< likewise
    core::Instant run_at{};
    bool by_caller =
        true;  ///< the caller has to have the right to feed the queues; of events of workflows nobody has
};
enum class Taken : uint8 { published, known, unmatched, refused };
struct Published {
    Taken taken;
    int64 id;                     ///< unless unmatched or refused
    std::string_view refused_by;  ///< a queue that the caller may not feed
};
/// does: publishes in the caller's transaction; nothing where no subscription takes it.
/// errors: those of insert_publish()
/// cost: a few binary searches, one row, and one statement for all jobs
Published publish(const Publishing& asked);

}  // namespace foreman::engine
