// The transitions of a job: see job_state.hpp.
#include "core/job_state.hpp"

#include <algorithm>
#include <limits>

namespace foreman::core {

Verdict decide(JobCounters counters, AttemptEnd end, const BackoffPolicy& policy,
               std::uint64_t random) noexcept {
    const int uncharged = counters.attempt;
    const int charged =
        counters.attempt == std::numeric_limits<int>::max() ? counters.attempt : counters.attempt + 1;
    switch (end.outcome) {
        case Outcome::completed:
            return {Next::complete, charged, {}, false};
        case Outcome::failed:
            if (end.cancel_requested) return {Next::cancel, charged, {}, true};
            if (charged >= counters.max_attempts) return {Next::discard, charged, {}, true};
            return {Next::retry, charged, retry_delay(policy, charged, random), true};
        case Outcome::snoozed:
        case Outcome::throttled:
            if (end.cancel_requested) return {Next::cancel, uncharged, {}, false};
            return {Next::retry, uncharged, std::max(end.run_in, kLeastPause), false};
        case Outcome::busy:
            if (end.cancel_requested) return {Next::cancel, uncharged, {}, false};
            return {Next::retry, uncharged, end.run_in, false};
        case Outcome::discarded:
            if (end.cancel_requested) return {Next::cancel, charged, {}, true};
            return {Next::discard, charged, {}, true};
        case Outcome::cancelled:
            return {Next::cancel, charged, {}, false};
        case Outcome::expired:
            return {Next::cancel, uncharged, {}, false};
        case Outcome::try_alone:
        case Outcome::released:
        case Outcome::stopped:
        case Outcome::broken_off:
            if (end.cancel_requested) return {Next::cancel, charged, {}, false};
            return {Next::release, uncharged, {}, false};
    }
    // A character that is no outcome: the attempt counts for nothing and the job stays.
    return {Next::retry, uncharged, retry_delay(policy, 1, random), false};
}

std::string_view state_name(StoredState state, bool has_failed, bool due) noexcept {
    switch (state) {
        case StoredState::claimable:
            if (has_failed) return "retryable";
            return due ? "available" : "scheduled";
        case StoredState::running:
            return "running";
        case StoredState::blocked:
            return "pending";
        case StoredState::suspended:
            return "suspended";
        case StoredState::completed:
            return "completed";
        case StoredState::cancelled:
            return "cancelled";
        case StoredState::discarded:
            return "discarded";
    }
    return {};
}

}  // namespace foreman::core
