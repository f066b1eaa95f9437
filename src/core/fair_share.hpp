// How a limit is split over workers: evenly, the first ones taking the remainder. Invariant: the shares of
// all add up to the limit.
#pragma once

#include <algorithm>

namespace foreman::core {

/// units: workers that declared the queue; before: how many of them come before this one. A worker that is
///     the only one, or not yet counted, is counted.
/// returns: its slots, 0 or more.
constexpr int fair_share(int limit, int workers, int before) noexcept {
    const int n = std::max(workers, before + 1);
    return limit / n + (before < limit % n ? 1 : 0);
}

}  // namespace foreman::core
