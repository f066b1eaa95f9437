// See ended.hpp.
#include "store/jobs/ended.hpp"

#include <algorithm>

namespace foreman::store {

namespace {

constexpr int kMost = 4;
constinit const EndObserver* g_observers[kMost];
constinit int g_count = 0;

std::span<const EndObserver* const> observers() noexcept {
    return {g_observers, static_cast<std::size_t>(g_count)};
}

}  // namespace

void observe_ends(const EndObserver& observer) noexcept {
    Assert(g_count < kMost);
    g_observers[g_count++] = &observer;
}

void tell_observers(std::span<const Ended> ended) {
    for (const EndObserver* o : observers()) o->ended(ended);
}

bool runs_once(const Job& job) {
    return std::ranges::any_of(observers(), [&job](const EndObserver* o) { return o->runs_once(job); });
}

bool may_come_back(int64 job_id, core::Origin origin, int64 origin_id) {
    return std::ranges::all_of(observers(), [=](const EndObserver* o) {
        return o->comes_back == nullptr || o->comes_back(job_id, origin, origin_id);
    });
}

}  // namespace foreman::store
