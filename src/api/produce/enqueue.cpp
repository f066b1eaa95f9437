// enqueue(), enqueue_info(), enqueue_array(): jobs into the caller's transaction.
//
// needs: bundle producer on the job's queue, a transaction that may write.
// errors: 42501; 25006 in a read-only transaction or on a standby; arguments as in request/arguments.hpp; 54000
// for args beyond 256 MB. Nothing is inserted when one is raised. cost: one prepared INSERT with two index
// entries; an array is one statement.
#include "api/public_function.hpp"
#include "pg/memory.hpp"
#include "request/enqueue_request.hpp"
#include "store/db/schema.hpp"

namespace foreman::api {

namespace {

store::Inserted enqueue_one(FunctionCallInfo fcinfo, const char* function) {
    store::require_writable(function);
    const EnqueueValues values = values_of(fcinfo);
    store::NewJob job = check_options(values);
    check_args(values[kArgs]);
    job.args = *values[kArgs];
    return store::insert_job(job);
}

}  // namespace

FOREMAN_PUBLIC(enqueue) { return Int64GetDatum(enqueue_one(fcinfo, "foreman.enqueue()").id); }

FOREMAN_PUBLIC(enqueue_info) {
    const TupleDesc desc = pg::result_desc(fcinfo);
    const store::Inserted made = enqueue_one(fcinfo, "foreman.enqueue_info()");
    const Datum values[] = {Int64GetDatum(made.id), BoolGetDatum(made.inserted)};
    const bool nulls[] = {false, false};
    return pg::composite_datum(desc, values, nulls);
}

FOREMAN_PUBLIC(enqueue_array) {
    store::require_writable("foreman.enqueue_array()");
    pg::ResultSet rows(fcinfo);
    const EnqueueValues values = values_of(fcinfo);
    store::NewJob job = check_options(values);
    const pg::Elements args = required_elements(values[kArgs], "args", pg::kJsonb);
    for (int i = 0; i < args.count; i++)
        check_args(args.nulls[i] ? OptionalDatum{} : OptionalDatum{args.values[i]}, i + 1);
    if (args.count == 0) return rows.done();

    int32 ordinal = 0;
    if (!job.is_plain()) {
        for (int i = 0; i < args.count; i++) {
            job.args = args.values[i];
            const store::Inserted made = store::insert_job(job);
            const Datum row[] = {Int32GetDatum(++ordinal), Int64GetDatum(made.id),
                                 BoolGetDatum(made.inserted)};
            rows.put(row);
        }
        return rows.done();
    }
    const pg::Context context("foreman enqueue", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<int64> ids(&memory);
    store::insert_jobs(job, *values[kArgs], &ids);
    for (const int64 id : ids) {
        const Datum row[] = {Int32GetDatum(++ordinal), Int64GetDatum(id), BoolGetDatum(true)};
        rows.put(row);
    }
    return rows.done();
}

}  // namespace foreman::api
