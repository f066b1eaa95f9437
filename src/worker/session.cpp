// See session.hpp. Parts of DISCARD ALL, less the plans, which are ours.
#include "worker/session.hpp"

#include "pg/call.hpp"
#include "pg/xact.hpp"
#include "store/session_effect.hpp"

namespace foreman::worker {

namespace {

constinit bool g_temp_used = false;

// Advisory locks are never taken on the fast path, so they are in this process's own lists.
bool holds_advisory_lock() {
    return pg::guarded([] { return pg::compat::holds_advisory_lock(); });
}

bool used_temp_objects() noexcept { return (MyXactFlags & XACT_FLAGS_ACCESSEDTEMPNAMESPACE) != 0; }

}  // namespace

void refuse_spoiled_session(bool shared) {
    if (used_temp_objects()) g_temp_used = true;
    const char* what = nullptr;
    if (used_temp_objects()) {
        what = "used temporary objects";
    } else if (store::session_effect()) {
        what = "set constraints or opened a cursor that outlives its transaction";
    } else if (holds_advisory_lock()) {
        what = "took an advisory lock";
    }
    if (what != nullptr && shared)
        throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                          "a handler %s while it shared a transaction", what);
}

void reset_session(bool settings) {
    const bool effect = store::session_effect();
    store::forget_session_effect();
    if (settings || g_temp_used || effect) {
        pg::Transaction tx;
        pg::guarded([settings] {
            PortalHashTableDeleteAll();
            ResetTempTableNamespace();
            // ResetAllOptions leaves identities alone; this resets the role as well, as DISCARD ALL does.
            if (settings) SetPGVariable("session_authorization", NIL, false);
        });
        tx.commit();
        g_temp_used = false;
    }
    pg::guarded([settings] {
        DropAllPreparedStatements();
        ResetSequenceCaches();
        LockReleaseAll(USER_LOCKMETHOD, true);
        if (settings) ResetAllOptions();
    });
}

}  // namespace foreman::worker
