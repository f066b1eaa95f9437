// import_pg_cron(): an installation of pg_cron, taken over.
//
// needs: superuser.  errors: 42501; 55000 without pg_cron; 25006; what DROP and CREATE EXTENSION raise.
#include "store/schedules/cron_import.hpp"

#include "api/public_function.hpp"
#include "pg/call.hpp"
#include "pg/memory.hpp"
#include "store/db/schema.hpp"

namespace foreman::api {

FOREMAN_PUBLIC(import_pg_cron) {
    store::require_writable("foreman.import_pg_cron()");
    if (!pg::call<&superuser>()) {
        throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied for function import_pg_cron")
            .hint("Only superusers may import: others do not see all jobs.");
    }
    return Int64GetDatum(store::import_pg_cron());
}

}  // namespace foreman::api
