// See fire_plan.hpp.
#include "core/fire_plan.hpp"

namespace foreman::core {

FirePlan plan_fire(const Schedule& schedule, Missed missed, Instant due, Instant now, Instant anchor,
                   int caught_up, const Zone& zone) noexcept {
    FirePlan plan;
    if (missed == Missed::catch_up && caught_up < kMaxCatchUp) {
        plan.occurrence = due;
        plan.next = next_after(schedule, due, anchor, zone);
        plan.caught_up = plan.next && *plan.next <= now ? caught_up + 1 : 0;
        return plan;
    }
    const Instant latest = latest_until(schedule, due, now, anchor, zone);
    if (missed != Missed::skip || now - latest <= kOnTime) plan.occurrence = latest;
    plan.next = next_after(schedule, latest, anchor, zone);
    // latest_until() found the last one up to now, so this is after now.
    return plan;
}

Instant anchor_of(Instant now) noexcept {
    constexpr std::int64_t kSecond = 1'000'000;
    if (!is_finite(now)) return now;
    const std::int64_t rest = now.us % kSecond;
    return Instant{now.us - (rest < 0 ? rest + kSecond : rest)};
}

}  // namespace foreman::core
