// See job_value.hpp.
#include "store/jobs/job_value.hpp"

#include "pg/datum.hpp"
#include "store/db/schema.hpp"

namespace foreman::store {

Datum job_datum(const Job& j, int attempt) {
    const TupleDesc desc = pg::composite_desc(schema().job_type);
    Datum v[11];
    bool n[11] = {};
    v[0] = Int64GetDatum(j.job_id);
    v[1] = pg::text_datum(j.kind);
    v[2] = pg::text_datum(j.queue);
    v[3] = j.args;
    v[4] = Int32GetDatum(attempt);
    v[5] = Int32GetDatum(j.max_attempts);
    v[6] = Int32GetDatum(j.priority);
    v[7] = pg::to_datum(j.run_at);
    v[8] = pg::to_datum(j.enqueued_at);
    v[9] = j.tags.value_or(Datum{0});
    n[9] = !j.tags.has_value();
    v[10] = j.metadata.value_or(Datum{0});
    n[10] = !j.metadata.has_value();
    return pg::composite_datum(desc, v, n);
}

}  // namespace foreman::store
