// Conditions of our own statements that ask the board. They are of no use to anybody else, and tell nothing: outside of
// such a statement _may_take() is false for every job.
//
// errors: none. cost: a hash probe in shared memory
#include "api/public_function.hpp"
#include "board/unsettled.hpp"
#include "store/jobs/unwritten.hpp"

namespace foreman::api {

FOREMAN_FUNCTION(may_take) {
    pg::UuidBytes token{};
    const bool has_token = pg::has_argument(fcinfo, 2);
    if (has_token) token = pg::uuid_bytes(pg::argument(fcinfo, 2));
    return BoolGetDatum(store::may_take_row(
        DatumGetInt64(pg::argument(fcinfo, 0)),
        static_cast<core::StoredState>(DatumGetChar(pg::argument(fcinfo, 1))), has_token ? &token : nullptr));
}

FOREMAN_FUNCTION(is_free) {
    return BoolGetDatum(!board::is_anothers(DatumGetInt64(pg::argument(fcinfo, 0))));
}

}  // namespace foreman::api
