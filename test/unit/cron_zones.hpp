// Time zones for the tests of schedules: offsets that change at given instants. Civil dates come from
// <chrono>, so that nothing here shares its reckoning with src/core.
#pragma once

#include <chrono>
#include <utility>
#include <vector>

#include "core/cron_next.hpp"

namespace foreman::core {

/// An instant of UTC.
inline Instant utc(int year, unsigned month, unsigned day, int hour = 0, int minute = 0, int second = 0) {
    using namespace std::chrono;
    const sys_days date = std::chrono::year{year} / static_cast<int>(month) / static_cast<int>(day);
    const sys_days epoch = std::chrono::year{2000} / 1 / 1;
    const auto since = (date - epoch) + std::chrono::hours{hour} + std::chrono::minutes{minute} +
                       std::chrono::seconds{second};
    return Instant{duration_cast<microseconds>(since).count()};
}

class TestZone final : public Zone {
  public:
    explicit TestZone(Micros offset = {}) : offset_(offset) {}
    TestZone(Micros offset, std::vector<std::pair<Instant, Micros>> changes)
        : offset_(offset), changes_(std::move(changes)) {}

    ZonePeriod period_at(Instant at) const noexcept override {
        ZonePeriod p{offset_, kPlusInfinity};
        for (const auto& [when, offset] : changes_) {
            if (at < when) {
                p.ends = when;
                return p;
            }
            p.offset = offset;
        }
        return p;
    }
    Instant local(Instant at) const { return at + period_at(at).offset; }

    /// +1, +2 from the last Sunday of March to that of October, at 01:00 UTC.
    static TestZone berlin(int first_year, int last_year) {
        std::vector<std::pair<Instant, Micros>> changes;
        for (int y = first_year; y <= last_year; y++) {
            changes.emplace_back(last_sunday(y, 3) + hours(1), hours(2));
            changes.emplace_back(last_sunday(y, 10) + hours(1), hours(1));
        }
        return {hours(1), std::move(changes)};
    }

  private:
    static Instant last_sunday(int year, unsigned month) {
        using namespace std::chrono;
        const sys_days day = std::chrono::year{year} / std::chrono::month{month} / Sunday[last];
        const year_month_day d{day};
        return utc(year, month, static_cast<unsigned>(d.day()));
    }

    Micros offset_;
    std::vector<std::pair<Instant, Micros>> changes_;
};

}  // namespace foreman::core
