// create_batch(): jobs that belong together, and what is enqueued when they have ended.
//
// needs: bundle producer on the queues of the callbacks' handlers; a transaction that may write.
// errors: 42501; 25006; arguments as in request/arguments.hpp; 22023 without any callback. cost: one row
#include "store/jobs/batches.hpp"

#include "api/public_function.hpp"
#include "pg/error.hpp"
#include "request/arguments.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"
#include "store/definitions/definitions.hpp"

namespace foreman::api {

namespace {

// A kind that the caller could enqueue itself.
OptionalText callback(FunctionCallInfo fcinfo, int index, const char* argument) {
    const OptionalText kind = optional_name(pg::optional_argument(fcinfo, index), argument);
    if (kind) store::require(store::Bundle::producer, store::find_handler(*kind).queue_name());
    return kind;
}

}  // namespace

FOREMAN_PUBLIC(create_batch) {
    store::require_writable("foreman.create_batch()");
    store::NewBatch batch;
    batch.name = required_name(pg::optional_argument(fcinfo, 0), "name");
    batch.on_success = callback(fcinfo, 1, "on_success");
    batch.on_complete = callback(fcinfo, 2, "on_complete");
    batch.on_discard = callback(fcinfo, 3, "on_discard");
    return Int64GetDatum(store::insert_batch(batch));
}

}  // namespace foreman::api
