// has_job(), hasnt_job(), job_state_is(), has_timer(), hasnt_timer(), has_schedule(), hasnt_schedule():
// assertions for the tests of applications, which report as pgTAP's own do, and are counted by its plan.
//
// needs: pgTAP in any schema; the right to read foreman.jobs, foreman.timers or foreman.schedules.
// errors: 55000 without pgTAP; 42501.  cost: a query of the view
#include "api/public_function.hpp"
#include "pg/call.hpp"
#include "pg/memory.hpp"
#include "request/arguments.hpp"
#include "store/testing/test_report.hpp"

namespace foreman::api {

namespace {

// The description that was given, or one made of the name.
std::string_view described(OptionalDatum given, const char* format, std::string_view name) {
    if (const OptionalText text = optional_text(given)) return *text;
    return pg::guarded([format, name]() -> std::string_view {
        return psprintf(format, static_cast<int>(name.size()), name.data());
    });
}

Datum job_test(FunctionCallInfo fcinfo, bool wanted) {
    const std::string_view kind = required_name(pg::optional_argument(fcinfo, 0), "kind");
    const char* seen = nullptr;
    const bool has = store::test_has_job(kind, pg::optional_argument(fcinfo, 1), &seen);
    return store::report_test(
        has == wanted,
        described(pg::optional_argument(fcinfo, 2),
                  wanted ? "There should be a job of kind %.*s" : "There should be no such job of kind %.*s",
                  kind),
        seen);
}

Datum schedule_test(FunctionCallInfo fcinfo, bool wanted) {
    const std::string_view name = required_name(pg::optional_argument(fcinfo, 0), "name");
    const char* seen = nullptr;
    const bool has = store::test_has_schedule(name, &seen);
    return store::report_test(
        has == wanted,
        described(pg::optional_argument(fcinfo, 1),
                  wanted ? "Schedule %.*s should be active" : "Schedule %.*s should not be active", name),
        wanted ? seen : "it is active");
}

Datum timer_test(FunctionCallInfo fcinfo, bool wanted) {
    const std::string_view kind = required_name(pg::optional_argument(fcinfo, 0), "kind");
    const std::string_view key = required_name(pg::optional_argument(fcinfo, 1), "key");
    const char* seen = nullptr;
    const bool has = store::test_has_timer(kind, key, &seen);
    return store::report_test(
        has == wanted,
        described(pg::optional_argument(fcinfo, 2),
                  wanted ? "Timer %.*s should be set" : "Timer %.*s should not be set", key),
        seen);
}

}  // namespace

FOREMAN_PUBLIC(has_job) { return job_test(fcinfo, true); }
FOREMAN_PUBLIC(hasnt_job) { return job_test(fcinfo, false); }
FOREMAN_PUBLIC(has_timer) { return timer_test(fcinfo, true); }
FOREMAN_PUBLIC(hasnt_timer) { return timer_test(fcinfo, false); }
FOREMAN_PUBLIC(has_schedule) { return schedule_test(fcinfo, true); }
FOREMAN_PUBLIC(hasnt_schedule) { return schedule_test(fcinfo, false); }

FOREMAN_PUBLIC(job_state_is) {
    const int64 job_id = required_id(pg::optional_argument(fcinfo, 0));
    const std::string_view wanted = required_text(pg::optional_argument(fcinfo, 1), "state");
    const std::string_view state = store::test_job_state(job_id);
    char diagnosis[128];
    std::snprintf(diagnosis, sizeof(diagnosis), "        have: %.*s\n        want: %.*s",
                  static_cast<int>(state.empty() ? 7 : state.size()),
                  state.empty() ? "no such" : state.data(),
                  static_cast<int>(std::min<std::size_t>(wanted.size(), 32)), wanted.data());
    return store::report_test(state == wanted,
                              described(pg::optional_argument(fcinfo, 2), "The job should be %.*s", wanted),
                              diagnosis);
}

}  // namespace foreman::api
