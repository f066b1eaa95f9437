// The server's time zones as core's rules of local time. Whoever reckons with schedules opens one by name.
// Invariant: a zone stays valid for the life of the process, since the server keeps what it has loaded.
#pragma once

#include <optional>

#include "core/cron_next.hpp"
#include "pg/prelude.hpp"

namespace foreman::pg {

class TimeZone final : public core::Zone {
  public:
    explicit TimeZone(pg_tz* zone) noexcept : zone_(zone) {}
    core::ZonePeriod period_at(core::Instant at) const noexcept override;

  private:
    pg_tz* zone_;
};

/// does: finds a zone of the server's time zone data by its name, in any case of letters. Unlike SET timezone
///     it takes no POSIX rules; zones with leap seconds are not for us.
/// returns: nothing when the server knows none of this name.
/// cost: a hash probe; a file at its first use
std::optional<TimeZone> find_time_zone(std::string_view name);

}  // namespace foreman::pg
