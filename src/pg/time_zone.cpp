// See time_zone.hpp. The rules are those of the server's tz data (src/timezone/localtime.c).
#include "pg/time_zone.hpp"

#include <algorithm>
#include <iterator>

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

namespace {

// Whether the server's time zone data has a zone of this name. pg_tzset takes a POSIX rule for what has none:
// '+03' and 'UTC+3' are three hours west of Greenwich there, and 'Europe/Berlin2' two.
// Without a digit nothing is a rule. cost: reads all names, once for each zone with a digit
bool is_named(pg_tz* zone) {
    const char* name = pg_get_timezone_name(zone);
    if (std::strpbrk(name, "0123456789") == nullptr) return true;
    static constinit pg_tz* known[32] = {};  // the server keeps what it has loaded
    static constinit std::size_t count = 0;
    if (std::find(known, known + count, zone) != known + count) return true;
    const bool found = guarded([name] {
        bool seen = false;
        pg_tzenum* names = pg_tzenumerate_start();
        while (const pg_tz* one = seen ? nullptr : pg_tzenumerate_next(names))
            seen = pg_strcasecmp(pg_get_timezone_name(const_cast<pg_tz*>(one)), name) == 0;
        pg_tzenumerate_end(names);
        return seen;
    });
    if (found && count < std::size(known)) known[count++] = zone;
    return found;
}

}  // namespace

std::optional<TimeZone> find_time_zone(std::string_view name) {
    if (name.empty() || name.size() > TZ_STRLEN_MAX) return std::nullopt;
    char text[TZ_STRLEN_MAX + 1];
    name.copy(text, name.size());
    text[name.size()] = '\0';
    pg_tz* const zone = guarded([&text]() -> pg_tz* {
        pg_tz* found = pg_tzset(text);
        return found != nullptr && pg_tz_acceptable(found) ? found : nullptr;
    });
    if (zone == nullptr || !is_named(zone)) return std::nullopt;
    return TimeZone(zone);
}

}  // namespace foreman::pg
