// enqueue_many(): jobs of different kinds in one call, as a jsonb array of objects whose keys are enqueue's
// parameters.
//
// needs, errors: as enqueue(); besides, 22023 for an element that is no object, for a key that is no
// parameter and for a value of the wrong JSON type. Every message names the element, counting from 1. Nothing
// is inserted on error. locks: unique keys in the order of (kind, unique_key). cost: all elements are checked
// first, then one prepared INSERT each.
#include <algorithm>
#include <tuple>

#include "api/public_function.hpp"
#include "pg/memory.hpp"
#include "request/job_object.hpp"
#include "store/db/schema.hpp"

namespace foreman::api {

namespace {

JsonbContainer* object_of(const JsonbValue& element, uint32 ordinal) {
    if (element.type == jbvBinary && JsonContainerIsObject(element.val.binary.data))
        return element.val.binary.data;
    throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "element %u of jobs must be an object, not %s",
                      ordinal, json_type_name(element));
}

void check_all(JsonbContainer* array, pg::vector<store::NewJob>* jobs) {
    const uint32 n = JsonContainerSize(array);
    jobs->reserve(n);
    for (uint32 i = 0; i < n; i++) {
        JsonbContainer* object = object_of(*pg::call<&getIthJsonbValueFromContainer>(array, i), i + 1);
        try {
            jobs->push_back(job_of_object(object));
        } catch (const pg::Failure& f) {
            throw pg::Failure(f.sqlstate(), "element %u of jobs: %s", i + 1, f.message())
                .hint("%s", f.hint());
        }
    }
}

// Ids are in the order of the argument. Unique keys, for which others may be waited for, are taken in one
// order whatever that is: two calls with the same keys do not wait for each other.
void insert_all(pg::vector<store::NewJob>* jobs, pg::vector<store::Inserted>* made,
                pg::ContextResource* memory) {
    pg::vector<store::NewJob*> unique(memory);
    made->resize(jobs->size());
    for (std::size_t i = 0; i < jobs->size(); i++) {
        store::NewJob& job = (*jobs)[i];
        if (job.unique_key.empty()) {
            (*made)[i] = store::insert_job(job);
        } else {
            job.id = store::next_job_id();
            unique.push_back(&job);
        }
    }
    std::stable_sort(unique.begin(), unique.end(), [](const store::NewJob* a, const store::NewJob* b) {
        return std::tie(a->kind, a->unique_key) < std::tie(b->kind, b->unique_key);
    });
    for (const store::NewJob* job : unique)
        (*made)[static_cast<std::size_t>(job - jobs->data())] = store::insert_job(*job);
}

}  // namespace

FOREMAN_PUBLIC(enqueue_many) {
    store::require_writable("foreman.enqueue_many()");
    pg::ResultSet rows(fcinfo);
    Jsonb* const jobs_argument = pg::guarded(
        [value = required(pg::optional_argument(fcinfo, 0), "jobs")] { return DatumGetJsonbP(value); });
    JsonbContainer* array = &jobs_argument->root;
    if (!JsonContainerIsArray(array) || JsonContainerIsScalar(array)) {
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "jobs must be an array of objects")
            .hint("Allowed: objects like {\"kind\": \"mail\", \"args\": {\"to\": 1}} in square brackets.");
    }
    const pg::Context context("foreman enqueue", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<store::NewJob> jobs(&memory);
    check_all(array, &jobs);
    pg::vector<store::Inserted> made_of(&memory);
    insert_all(&jobs, &made_of, &memory);
    int32 ordinal = 0;
    for (const store::Inserted& made : made_of) {
        const Datum row[] = {Int32GetDatum(++ordinal), Int64GetDatum(made.id), BoolGetDatum(made.inserted)};
        rows.put(row);
    }
    return rows.done();
}

}  // namespace foreman::api
