// why(): what keeps a job from running now, a row for each reason.
//
// needs: any bundle on the job's queue, as for its row in the view `jobs`; without one the job is
// `not_found`. errors: 22004 for NULL. cost: a few statements by primary key or by key; changes nothing,
// waits for nobody
#include "store/why/why.hpp"

#include "api/public_function.hpp"
#include "api/reasons.hpp"
#include "request/arguments.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"

namespace foreman::api {

FOREMAN_PUBLIC(why) {
    pg::ResultSet rows(fcinfo);
    const int64 job_id = required_id(pg::optional_argument(fcinfo, 0));
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<store::Reason> reasons(&memory);
    store::reasons_of(job_id, store::now(), &reasons);
    put_reasons({reasons.data(), reasons.size()}, &rows);
    return rows.done();
}

}  // namespace foreman::api
