// set_rate_limit(), acquire(), drain_rate_limit(): named rate limits that handlers and outside workers ask.
//
// needs: to set and drain, bundle operator on all queues; acquire() is a right of its own (worker, operator
// and the roles of handlers). errors: 42501; 25006;
// 22003 for capacities and costs out of 1 to 1,000,000,000, 22023 for a refill that is not above 0. cost:
// acquire() one read of a row by its key, and a lock of some instructions
#include "store/definitions/rate_limits.hpp"

#include <cmath>

#include "api/absent.hpp"
#include "api/public_function.hpp"
#include "pg/error.hpp"
#include "request/arguments.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"

namespace foreman::api {

namespace {

constexpr int64 kMostTokens = 1000000000;

double required_refill(OptionalDatum value) {
    const double refill = DatumGetFloat8(required(value, "refill_per_second"));
    if (!(refill > 0) || refill > static_cast<double>(kMostTokens)) {
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "refill_per_second %g is out of range", refill)
            .hint("Allowed: a number above 0, up to 1000000000; 0.1 is one in ten seconds.");
    }
    return refill;
}

}  // namespace

FOREMAN_PUBLIC(set_rate_limit) {
    store::require_writable("foreman.set_rate_limit()");
    const std::string_view scope = required_name(pg::optional_argument(fcinfo, 0), "scope");
    const auto capacity =
        static_cast<double>(required_count(pg::optional_argument(fcinfo, 1), "capacity", 1, kMostTokens));
    const double refill = required_refill(pg::optional_argument(fcinfo, 2));
    store::require_all(store::Bundle::operate);
    return BoolGetDatum(store::put_rate_limit(scope, {capacity, refill}));
}

FOREMAN_PUBLIC(acquire) {
    store::require_writable("foreman.acquire()");
    const TupleDesc desc = pg::result_desc(fcinfo);
    const std::string_view scope = required_name(pg::optional_argument(fcinfo, 0), "scope");
    const auto cost =
        static_cast<int>(required_count(pg::optional_argument(fcinfo, 1), "cost", 1, kMostTokens));
    const store::Acquired a = store::acquire_tokens(scope, cost);
    const Datum values[] = {BoolGetDatum(a.granted), pg::interval_datum(a.retry_in)};
    const bool nulls[] = {false, a.granted || a.retry_in == core::kForeverAway};
    return pg::composite_datum(desc, values, nulls);
}

FOREMAN_PUBLIC(drain_rate_limit) {
    store::require_writable("foreman.drain_rate_limit()");
    const bool silent = wants_silence(fcinfo, 1, "if_exists");
    const std::string_view scope = required_name(pg::optional_argument(fcinfo, 0), "scope");
    store::require_all(store::Bundle::operate);
    if (store::drain_scope(scope)) return BoolGetDatum(true);
    return absent("rate limit", scope, silent, "foreman.set_rate_limit() makes it.");
}

}  // namespace foreman::api
