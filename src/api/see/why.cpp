// why(): what keeps a job from running now, a row for each reason.
//
// needs: any bundle on the job's queue, as for its row in the view `jobs`; without one the job is
// `not_found`. errors: 22004 for NULL. cost: a few statements by primary key or by key; changes nothing,
// waits for nobody
#include "store/why/why.hpp"

#include "api/public_function.hpp"
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
    for (const store::Reason& r : reasons) {
        std::array<OptionalDatum, 3> row;
        row[0] = pg::text_datum(r.reason);
        row[1] = r.detail;
        if (r.until && core::is_finite(*r.until)) row[2] = pg::to_datum(*r.until);
        rows.put(row);
    }
    return rows.done();
}

}  // namespace foreman::api
