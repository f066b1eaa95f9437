// start() and stop(): whether this database runs jobs; and what CREATE EXTENSION calls at its end.
//
// needs: bundle operator on all queues.  errors: 42501, 25006
// cost: one row; the workers hear of it at commit. Neither waits for them.
#include "api/public_function.hpp"
#include "board/board.hpp"
#include "board/settings.hpp"
#include "pg/call.hpp"
#include "pg/error.hpp"
#include "request/arguments.hpp"
#include "store/commit/identity.hpp"
#include "store/commit/remember.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"
#include "store/definitions/stray_rights.hpp"
#include "store/jobs/settle.hpp"
#include "store/upkeep/roles.hpp"
#include "store/upkeep/upkeep.hpp"

namespace foreman::api {

namespace {

// A database may be started where no worker will come; that is said at once.
void warn_without_workers() {
    if (!board::board_present()) {
        pg::log(WARNING, pg::Failure(ERRCODE_WARNING, "no worker of pg_foreman runs in this server")
                             .hint("Add pg_foreman to shared_preload_libraries and restart the server."));
    } else if (!settings::enabled) {
        pg::log(WARNING,
                pg::Failure(ERRCODE_WARNING, "no worker of pg_foreman runs while foreman.enabled is off")
                    .hint("Set foreman.enabled = on and reload the configuration."));
    }
}

void require_creation(const char* function) {
    if (creating_extension) return;
    throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "foreman.%s() is for CREATE EXTENSION only",
                      function)
        .hint("Use foreman.start() and foreman.stop().");
}

}  // namespace

/// true: it was stopped, or a copy, and runs jobs from now on; false: it did already, and reads its rows
/// again.
FOREMAN_PUBLIC(start) {
    store::require_writable("foreman.start()");
    store::require_all(store::Bundle::operate);
    const store::Permission before = store::read_permission();
    const bool ran = before == store::Permission::runs;
    store::follow_roles();
    if (before == store::Permission::copied) store::release_all_leases();
    if (ran) {
        store::remember_poke(board::kPokeIdentity | board::kPokeReread);
        store::remember_launcher();
    } else {
        store::write_identity(false);
    }
    warn_without_workers();
    return BoolGetDatum(!ran);
}

/// true: it ran jobs until now. Running handlers may go on for foreman.shutdown_grace after the commit.
FOREMAN_PUBLIC(stop) {
    store::require_writable("foreman.stop()");
    store::require_all(store::Bundle::operate);
    const bool ran = store::read_permission() == store::Permission::runs;
    store::write_identity(true);
    // It is to hold although a synchronous standby has gone.
    if (synchronous_commit > SYNCHRONOUS_COMMIT_LOCAL_FLUSH) {
        pg::guarded([] {
            (void)set_config_option("synchronous_commit", "local", PGC_USERSET, PGC_S_SESSION,
                                    GUC_ACTION_LOCAL, true, 0, false);
        });
    }
    return BoolGetDatum(ran);
}

/// The last statement of the extension's script. A restore runs it with row_security off, as pg_dump sets it:
/// what is restored starts stopped.
FOREMAN_PUBLIC(installed) {
    require_creation("_installed");
    store::write_identity(!row_security);
    // A restore brings its own partitions.
    if (row_security) store::make_first_partitions(store::now());
    return Datum{0};
}

/// For the scripts of both extensions, before they grant anything.
FOREMAN_PUBLIC(revoke_defaults) {
    require_creation("_revoke_defaults");
    store::revoke_default_rights(required_name(pg::optional_argument(fcinfo, 0), "extension"));
    return Datum{0};
}

}  // namespace foreman::api
