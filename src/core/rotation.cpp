// Rotation of executor slots: see rotation.hpp.
#include "core/rotation.hpp"

#include <algorithm>
#include <cstddef>
#include <tuple>

namespace foreman::core {

namespace {

bool same_session(const Holder& holder, std::uint32_t db, std::uint32_t role) noexcept {
    return holder.db == db && holder.role == role;
}

std::ptrdiff_t executors_of(std::span<const Holder> holders, std::uint32_t db, std::uint32_t role) noexcept {
    return std::ranges::count_if(holders, [&](const Holder& h) { return same_session(h, db, role); });
}

bool is_unmet(const Demand& demand, std::span<const Holder> holders) noexcept {
    return executors_of(holders, demand.db, demand.role) == 0;
}

// Whom to send away, best first: (0 idle, 1 busy with a colleague, 2 busy and alone; then the longest).
std::tuple<int, Instant> preference(const Holder& holder, std::span<const Holder> holders) noexcept {
    if (holder.idle) return {0, holder.idle_since};
    return {executors_of(holders, holder.db, holder.role) > 1 ? 1 : 2, holder.tenure_since};
}

}  // namespace

int next_demand(std::span<const Holder> holders, std::span<const Demand> demands) noexcept {
    int oldest = kNobody;
    for (int i = 0; i < static_cast<int>(demands.size()); i++) {
        const Demand& demand = demands[static_cast<std::size_t>(i)];
        if (!is_unmet(demand, holders)) continue;
        if (oldest == kNobody || demand.since < demands[static_cast<std::size_t>(oldest)].since) oldest = i;
    }
    return oldest;
}

int choose_leaver(std::span<const Holder> holders, std::span<const Demand> demands, int leaving,
                  Instant now) noexcept {
    const auto unmet = std::ranges::count_if(demands, [&](const Demand& d) { return is_unmet(d, holders); });
    if (unmet <= leaving) return kNobody;
    int best = kNobody;
    for (int i = 0; i < static_cast<int>(holders.size()); i++) {
        const Holder& holder = holders[static_cast<std::size_t>(i)];
        if (!holder.idle && now - holder.tenure_since < kMinTenure) continue;
        if (best == kNobody ||
            preference(holder, holders) < preference(holders[static_cast<std::size_t>(best)], holders)) {
            best = i;
        }
    }
    return best;
}

int choose_idle_leaver(std::span<const Holder> holders, std::span<const Demand> demands, int leaving,
                       std::uint32_t db, std::uint32_t role, Instant now) noexcept {
    if (leaving > 0 || next_demand(holders, demands) != kNobody) return kNobody;
    int best = kNobody;
    for (int i = 0; i < static_cast<int>(holders.size()); i++) {
        const Holder& holder = holders[static_cast<std::size_t>(i)];
        const bool just_idle = holder.idle_since <= now && now - holder.idle_since < kMinIdle;
        if (!holder.idle || just_idle || same_session(holder, db, role)) continue;
        if (best == kNobody || holder.idle_since < holders[static_cast<std::size_t>(best)].idle_since)
            best = i;
    }
    return best;
}

}  // namespace foreman::core
