// set_timer(), cancel_timer(). Timers' dead letters: api/operate/dead_letters.cpp.
//
// needs: bundle producer on the timer's queue, a transaction that may write.
// errors: 42501; 25006; arguments as in request/arguments.hpp. No call waits for a handler; one whose timer an
// open transaction has changed waits for the end of that one.
// cost: as enqueue() with a unique_key: a probe of the key's index and one INSERT or UPDATE.
#include "store/jobs/timers.hpp"

#include "api/public_function.hpp"
#include "request/enqueue_request.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"

namespace foreman::api {

namespace {

constexpr int kMaxTries = 100;

// set_timer's parameters after kind, key and fire_at, as enqueue knows them.
constexpr Parameter kOptions[] = {kQueue, kPriority, kMaxAttempts, kTimeout, kExpiresAt, kTags, kMetadata};
constexpr int kFirstOption = 4;

core::Instant fire_at_of(OptionalDatum value) {
    const std::optional<core::Instant> fire_at = optional_instant(value, "fire_at");
    if (!fire_at)
        throw pg::Failure(ERRCODE_NULL_VALUE_NOT_ALLOWED, "fire_at must not be NULL")
            .hint("Allowed: a time; one that has passed is due at once.");
    return *fire_at;
}

// The caller may feed the queues of the timers that there are.
int find_own(std::string_view kind, std::string_view key, store::TimerRow (&timers)[2]) {
    const int n = store::find_timers(kind, key, timers);
    for (int i = 0; i < n; i++) store::require(store::Bundle::producer, timers[i].queue_name());
    return n;
}

bool cancel_all(const store::TimerRow (&timers)[2], int n) {
    for (int i = 0; i < n; i++) {
        if (!store::cancel_timer(timers[i])) return false;
    }
    return true;
}

}  // namespace

FOREMAN_PUBLIC(set_timer) {
    store::require_writable("foreman.set_timer()");
    const TupleDesc desc = pg::result_desc(fcinfo);
    EnqueueValues values;
    values[kKind] = pg::optional_argument(fcinfo, 0);
    required_name(values[kKind], "kind");
    const std::string_view key = required_name(pg::optional_argument(fcinfo, 1), "key");
    const core::Instant fire_at = fire_at_of(pg::optional_argument(fcinfo, 2));
    for (int i = 0; const Parameter p : kOptions)
        values[p] = pg::optional_argument(fcinfo, kFirstOption + i++);
    store::NewJob job = check_options(values);
    const OptionalDatum args = pg::optional_argument(fcinfo, 3);
    check_args(args);
    job.args = *args;
    job.run_at = fire_at;
    job.unique_key = key;
    job.timer = true;
    job.on_conflict = store::OnConflict::replace;
    store::TimerRow there[2];
    find_own(job.kind, key, there);
    const store::Inserted made = store::insert_job(job);
    const Datum row[] = {Int64GetDatum(made.id), BoolGetDatum(made.replaced)};
    const bool nulls[] = {false, false};
    return pg::composite_datum(desc, row, nulls);
}

FOREMAN_PUBLIC(cancel_timer) {
    store::require_writable("foreman.cancel_timer()");
    const std::string_view kind = required_name(pg::optional_argument(fcinfo, 0), "kind");
    const std::string_view key = required_name(pg::optional_argument(fcinfo, 1), "key");
    store::TimerRow timers[2];
    for (int tries = 0; tries < kMaxTries; tries++) {
        const int n = find_own(kind, key, timers);
        if (n == 0) return BoolGetDatum(false);
        if (cancel_all(timers, n)) return BoolGetDatum(true);
    }
    throw pg::Failure(ERRCODE_T_R_SERIALIZATION_FAILURE, "timer \"%.*s\" changes hands too often",
                      static_cast<int>(key.size()), key.data())
        .hint("Try again.");
}

}  // namespace foreman::api
