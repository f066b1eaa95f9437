// One input of the schedule fuzzer: the first eight bytes make an instant and a zone, the rest is a
// schedule's text. Whatever comes in, parsing ends with a schedule that can fire or a fault inside the text,
// and what fires comes later than it was asked for, in order. Built with libFuzzer where the compiler has it,
// else with driver.cpp.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "core/fire_plan.hpp"

namespace {

using namespace foreman::core;

void require(bool holds) {
    if (!holds) std::abort();
}

class FuzzZone final : public Zone {
  public:
    FuzzZone(Instant change, Micros before, Micros after) : change_(change), before_(before), after_(after) {}
    ZonePeriod period_at(Instant at) const noexcept override {
        if (at < change_) return {before_, change_};
        return {after_, kPlusInfinity};
    }

  private:
    Instant change_;
    Micros before_, after_;
};

void fire(const Schedule& s, std::uint64_t seed) {
    const auto bits = [seed](int at, std::uint64_t many) {
        return static_cast<std::int64_t>((seed >> at) % many);
    };
    const Instant start{(bits(0, 1U << 22) - (1 << 20)) * 86'400'000'000 / 16 + bits(22, 1'000'003)};
    const FuzzZone zone(start + hours(bits(42, 240)), minutes(bits(50, 57) * 30 - 720),
                        minutes(bits(56, 57) * 30 - 720));
    Instant t = start;
    for (int i = 0; i < 4; i++) {
        const auto next = next_after(s, t, start, zone);
        if (!next) return;
        require(*next > t);
        require(s.type != ScheduleType::reboot);
        t = *next;
    }
    // Fired late: the occurrence is not in the future, and the next one is.
    const Instant due = t;
    const Instant now = due + seconds(bits(30, 1U << 20));
    for (const Missed missed : {Missed::skip, Missed::coalesce, Missed::catch_up}) {
        const FirePlan plan = plan_fire(s, missed, due, now, start, 0, zone);
        if (plan.occurrence) require(*plan.occurrence >= due && *plan.occurrence <= now);
        if (plan.next) require(*plan.next > (missed == Missed::catch_up ? due : now));
    }
}

void check(std::string_view text, CronDialect dialect, std::uint64_t seed) {
    Schedule s;
    const ScheduleFault fault = parse_schedule(text, dialect, &s);
    if (fault.any()) {
        require(fault.position <= text.size());
        require(s == Schedule{});
        return;
    }
    if (s.type == ScheduleType::calendar) {
        require(s.seconds != 0 && s.minutes != 0 && s.hours != 0 && s.months != 0 && s.weekdays != 0);
        require((s.days != 0) != s.last_day);
        require(s.seconds >> 60 == 0 && s.minutes >> 60 == 0 && s.hours >> 24 == 0);
        require(s.months >> 13 == 0 && (s.months & 1) == 0 && s.weekdays >> 7 == 0 && (s.days & 1) == 0);
    } else if (s.type == ScheduleType::interval) {
        require(s.every >= kLeastEvery && s.every <= kMostEvery);
    }
    // What pg_cron's dialect takes means the same in ours.
    if (dialect == CronDialect::pg_cron) {
        Schedule ours;
        require(!parse_schedule(text, CronDialect::foreman, &ours).any());
        require(ours == s);
        return;
    }
    fire(s, seed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::uint64_t seed = 0;
    if (size < sizeof(seed)) return 0;
    std::memcpy(&seed, data, sizeof(seed));
    const std::string_view text(reinterpret_cast<const char*>(data) + sizeof(seed), size - sizeof(seed));
    check(text, CronDialect::foreman, seed);
    check(text, CronDialect::pg_cron, seed);
    return 0;
}
