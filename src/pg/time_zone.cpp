// See time_zone.hpp. The rules are those of the server's tz data (src/timezone/localtime.c).
#include "pg/time_zone.hpp"

#include "pg/call.hpp"

namespace foreman::pg {

namespace {

constexpr std::int64_t kUnixEpoch = (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * std::int64_t{SECS_PER_DAY};

std::int64_t floor_seconds(core::Instant at) noexcept {
    const std::int64_t s = at.us / USECS_PER_SEC;
    return at.us % USECS_PER_SEC < 0 ? s - 1 : s;
}

}  // namespace

// pg_next_dst_boundary reads plain data and raises nothing. It answers -1 for times that no zone file covers:
// then there is no change to come.
core::ZonePeriod TimeZone::period_at(core::Instant at) const noexcept {
    const pg_time_t t = floor_seconds(at) + kUnixEpoch;
    long before = 0;
    long after = 0;
    int before_dst = 0;
    int after_dst = 0;
    pg_time_t boundary = 0;
    const int found = pg_next_dst_boundary(&t, &before, &before_dst, &boundary, &after, &after_dst, zone_);
    core::ZonePeriod period{core::seconds(found < 0 ? 0 : before), core::kPlusInfinity};
    if (found > 0) {
        const core::Instant ends = core::Instant{} + core::seconds(boundary - kUnixEpoch);
        // Whatever the file says, time goes on.
        if (ends > at) period.ends = ends;
    }
    return period;
}

std::optional<TimeZone> find_time_zone(std::string_view name) {
    if (name.empty() || name.size() > TZ_STRLEN_MAX) return std::nullopt;
    char text[TZ_STRLEN_MAX + 1];
    std::memcpy(text, name.data(), name.size());
    text[name.size()] = '\0';
    pg_tz* const zone = guarded([&text]() -> pg_tz* {
        pg_tz* found = pg_tzset(text);
        return found != nullptr && pg_tz_acceptable(found) ? found : nullptr;
    });
    if (zone == nullptr) return std::nullopt;
    return TimeZone(zone);
}

}  // namespace foreman::pg
