// A session's place among those that wait for a job, for await() and wait_for_job(). Invariant: however the
// session ends, its place is given back.
#pragma once

#include <span>
#include <string_view>

#include "core/time.hpp"
#include "pg/prelude.hpp"

namespace foreman::api {

/// How often a session that nobody wakes looks.
constexpr core::Micros kLookWithoutBoard = core::milliseconds(100);

class Waiting {
  public:
    /// Waits for the end of a job.
    /// errors: 53400 when the role's share of foreman.max_waiters is used up
    explicit Waiting(int64 job_id);
    /// Waits for something that is due in one of these queues; the same.
    explicit Waiting(std::span<const std::string_view> queues);
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    ~Waiting();
    /// Whether commits wake it: not without the board, and not on a standby, where nobody announces what the
    /// primary did.
    static bool is_announced() noexcept;
};

}  // namespace foreman::api
