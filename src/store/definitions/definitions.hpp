// Definitions of handlers (those of queues are in queues.hpp), read through caches of this process that relation invalidation resets.
// Called at every enqueue, claim and failure. A definition stays valid until the end of the transaction that
// asked for it.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>

#include "core/backoff.hpp"
#include "core/time.hpp"
#include "pg/prelude.hpp"
#include "store/definitions/queues.hpp"

namespace foreman::store {

constexpr std::string_view kDefaultQueue = "default";

enum class Lane : char { transaction = 't', batch = 'b', procedure = 'p' };
/// What a handler takes: f(jsonb), f(foreman.job), f(foreman.job[]), or an SQL command: its own, or that of
/// the schedule that made the job. The inputs of workflows are handled by the engine itself, which also calls the
/// handlers of projections.
enum class Shape : char {
    jsonb = 'j',
    job = 'o',
    jobs = 'a',
    command = 'c',
    scheduled = 's',
    workflow = 'w',
    event = 'e',  // f(foreman.event), of a projection
    events = 'v'  // f(foreman.event[]), of a projection
};

constexpr bool is_projection(Shape shape) noexcept { return shape == Shape::event || shape == Shape::events; }

struct Handler {
    char name[256];  // its kind
    uint16 kind_len;
    bool exists;  // false: no handler is registered for this kind
    Lane lane;
    Shape shape;
    Oid run_as;
    int16 max_attempts;     // 0: the default
    int16 max_group;        // 0: the default
    int64 timeout_us;       // -1: none
    int64 backoff_base_us;  // -1: the queue's
    int64 backoff_max_us;
    uint16 queue_len;
    char queue[256];
    const char* function;  // qualified signature; empty for commands
    const char* command;
    uint64 loaded;     // changes whenever the definition was read anew
    bool new_session;  // each call has one of its own
    bool confined;     // to the queues below: all that its registrar operated
    std::span<const std::string_view> queues;
    std::string_view kind() const noexcept { return {name, kind_len}; }
    std::string_view queue_name() const noexcept { return {queue, queue_len}; }
    bool serves(std::string_view name) const noexcept {
        return !confined || std::find(queues.begin(), queues.end(), name) != queues.end();
    }
    /// Where jobs go that name no queue: a confined handler draws none away from the default queue.
    std::string_view home_queue() const noexcept {
        return serves(kDefaultQueue) ? queue_name() : kDefaultQueue;
    }
};

constexpr int kDefaultMaxAttempts = 5;

/// does: the handler of a kind; exists is false when there is none
/// cost: a hash probe; a row read after invalidation
const Handler& find_handler(std::string_view kind);
/// The one that runs the kind's jobs of a queue; exists is false where it does not serve that queue.
const Handler& find_handler(std::string_view kind, std::string_view queue, int16 alone = 0);

/// Handler's backoff, else the queue's, else the default.
core::BackoffPolicy backoff_for(const Handler& handler, const Queue& queue);
/// The role whose executors run a kind's jobs of a queue now; InvalidOid without a handler.
Oid role_of(std::string_view kind, std::string_view queue, int16 alone = 0);

// ---- changing them ----------------------------------------------------------

struct NewHandler {
    std::string_view kind, function, command, lane, queue, session;
    char shape;
    std::optional<int16> max_attempts, max_group;
    std::optional<Datum> timeout, backoff_base, backoff_max;  // intervals
    std::optional<Datum> serves;                              // text[]; NULL: all queues
    Oid run_as;
};
/// true: new, false: replaced. Remembers the change for every process.
bool put_handler(const NewHandler& handler);
bool remove_handler(std::string_view kind);

/// Adds or removes a row of role_grant; false when it was so before.
bool put_grant(std::string_view bundle, Oid role, std::optional<std::string_view> queue);
bool remove_grant(std::string_view bundle, Oid role, std::optional<std::string_view> queue);
/// GRANT or REVOKE of the bundle's functions and views to the role, as the owner.
/// After a REVOKE, what the role's other bundles need is still granted. Nothing for the owner and for roles
/// that are gone.
void grant_functions(std::string_view bundle, Oid role, bool grant);
/// A queue that is no more has no rights either.
void remove_grants_of_queue(std::string_view queue);
/// Rights a handler's role
/// needs: the schema and the in-handler functions.
void grant_handler_functions(Oid role);
bool has_grants(std::string_view bundle, Oid role);

}  // namespace foreman::store
