// What becomes of a job when an attempt ends, and how a job's state is called.
// The executor and the dispatcher ask decide(); views and `why` ask state_name(). All lanes use the same
// rules. Invariant: an attempt is charged at most once, and only where its handler came to an end of its own.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/backoff.hpp"
#include "core/time.hpp"

namespace foreman::core {

/// How an attempt ended: what the handler did, or what kept it from coming to an end of its own.
enum class Outcome : char {
    completed = 'c',
    failed = 'f',
    snoozed = 'z',  ///< the handler asks to be run again later
    busy = 'y',     ///< what the job needs is held by somebody else: again after a pause as short as it asks
    throttled = 't',  ///< the handler met somebody's limit
    discarded = 'd',  ///< the handler refuses the job for good
    cancelled = 'x',  ///< the handler cancels its own job
    expired = 'e',    ///< expires_at passed before it started

    // The handler came to no end of its own: the attempt counts for nothing.
    try_alone = 'a',  ///< failed, or took too long, in a transaction that other jobs shared: that counts only
                      ///< when the job has the transaction for itself
    released = 'r',   ///< nobody's fault, or it never began
    stopped = 's',    ///< interrupted because a cancel or delete of this job was asked for
    broken_off = 'b'  ///< it had begun, and its process or its session ended
};

/// Whether the handler came to an end of its own.
constexpr bool is_own_end(Outcome outcome) noexcept {
    return outcome != Outcome::try_alone && outcome != Outcome::released && outcome != Outcome::stopped &&
           outcome != Outcome::broken_off;
}

/// A job that snoozes for no time at all would run all the time, uncharged.
inline constexpr Micros kLeastPause = milliseconds(100);

struct AttemptEnd {
    Outcome outcome = Outcome::failed;
    Micros run_in;                  ///< snoozed and throttled: from now; at least kLeastPause
    bool cancel_requested = false;  ///< a cancel request has been committed by now
};

/// attempt = attempts charged before this run.
struct JobCounters {
    int attempt = 0;
    int max_attempts = 5;
};

/// What becomes of the job.
enum class Next : char {
    complete,  ///< to history
    retry,     ///< back, to run again after a delay
    discard,   ///< to the dead letters
    cancel,    ///< to history
    release,   ///< back as it was
    remove     ///< deleted, since somebody asked for it; decide() never says so
};

struct Verdict {
    Next next = Next::retry;
    int attempt = 0;            ///< attempts charged from now on
    Micros delay;               ///< retry: from now
    bool record_error = false;  ///< append this attempt's error to the job's errors
};

/// does: decides what follows. A handler that completed stays completed although its cancel was asked for;
///     every other end of a job whose cancel was asked for is a cancel. Only failures are recorded as errors,
///     refusals included.
Verdict decide(JobCounters counters, AttemptEnd end, const BackoffPolicy& policy,
               std::uint64_t random) noexcept;

/// What a blocked job waits for: the column blocked_on.
enum class BlockedOn : char {
    dependency = 'd',  ///< other jobs, or a batch
    key = 'k',         ///< its concurrency key
    sequence = 'q',    ///< older jobs of its sequence
    successor = 's'    ///< the holder of its unique key
};

/// What made a job: the column origin. The column origin_id says which one.
enum class Origin : char {
    none = '\0',            ///< NULL: a caller
    schedule = 's',         ///< a run of a schedule: its run_id
    cron = 'c',             ///< a run of a row of cron.job: its run_id
    batch = 'b',            ///< the end of a batch: its batch_id
    publish = 'p',          ///< a publish: its publish_id
    workflow_effect = 'e',  ///< the effect
    workflow_task = 'd',    ///< what workers outside decide
    workflow_undo = 'u',    ///< the effect that it undoes
    workflow_input = 'i',   ///< the input
    workflow_timer = 't',   ///< the instance
    projection = 'j'        ///< what a projection has not seen yet: the projection
};

/// What was asked of a job that somebody holds: the column action of job_request.
enum class RequestAction : char {
    none = '\0',
    cancel = 'c',
    remove = 'd',
    reschedule = 'r',
    cancel_at_end = 'n'  ///< cancel, but interrupt nothing
};

/// What becomes of a job when one that it depends on was not completed: the column policy of job_dependency.
enum class OnDependency : char { cancel = 'c', run = 'r' };

/// What a job is to its unique key: the column unique_as.
enum class UniqueAs : char {
    none = '\0',  ///< NULL: it has no unique key
    holder = 'u',
    next = 'n',  ///< follows the holder, which runs
    timer = 't',
    next_timer = 's'
};

/// Whose end is waited for.
enum class EndKind : char { job = 'j', batch = 'b' };
struct EndId {
    EndKind kind = EndKind::job;
    std::int64_t id = 0;
    bool operator==(const EndId&) const = default;
};

/// What the tables say of a job.
enum class StoredState : char {
    claimable = 'w',
    running = 'r',  ///< in a slot of the board, or leased
    blocked = 'b',  ///< waits for other jobs, its key or its sequence
    suspended = 's',
    completed = 'c',
    cancelled = 'x',
    discarded = 'd'
};

/// does: the one of the nine names of states that users see. A claimable job is `retryable` once it has
///     failed, else `available` when due, else `scheduled`.
/// returns: a literal; empty for a character that is no state.
std::string_view state_name(StoredState state, bool has_failed, bool due) noexcept;

constexpr bool is_terminal(StoredState state) noexcept {
    return state == StoredState::completed || state == StoredState::cancelled ||
           state == StoredState::discarded;
}

}  // namespace foreman::core
