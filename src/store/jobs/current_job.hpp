// The job whose handler runs in this process now, and what the handler said about its outcome.
// Set by the runner around each handler; read by current_job(), snooze() and their like.
// Invariant: inside() is true exactly while a handler runs here; an outcome asked for is undone when the
// handler raises.
#pragma once

#include <string_view>

#include "store/jobs/jobs.hpp"

namespace foreman::store {

struct Wish {
    core::Outcome outcome = core::Outcome::completed;
    core::Micros run_in{};
    char reason[1024] = {};
    uint16 reason_len = 0;
    std::string_view text() const noexcept { return {reason, reason_len}; }
};

struct CurrentJob {
    const Job* job = nullptr;  // nullptr: no handler runs here, or a batch of several
    int attempt = 0;
    bool inside = false;
    Wish wish;
};

CurrentJob& current_job() noexcept;
/// errors: 55000 outside a handler, 0A000 in a batch (whose outcomes are rows), naming the function.
const Job& require_current_job(const char* function);

}  // namespace foreman::store
