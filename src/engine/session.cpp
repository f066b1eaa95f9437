// See session.hpp. Parts of DISCARD ALL, less the plans, many of which are ours. ANALYZE and VACUUM change no
// definition, so that they end no session.
#include "engine/session.hpp"

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/xact.hpp"
#include "store/db/schema.hpp"
#include "store/db/session_effect.hpp"
#include "store/definitions/session_settings.hpp"

namespace foreman::engine {

namespace {

// Somebody who creates tables all the time costs each executor one new session in so long.
constexpr core::Micros kLeastAge = core::seconds(1);

constinit bool g_temp_used = false;
constinit core::Instant g_began{};  // of the steady clock
constinit uint32 g_settings = 0;
constinit uint64 g_handlers = 0;
constinit uint64 g_definitions = 0;  // when the first handler was called
constinit bool g_spent = false;

// A plan, a record or a variable that is older than what it is about raises many errors: 42804, 0A000, XX000,
// also 22003 from a variable that a value no longer fits in. An error that the handler's own code raised, a
// violated constraint, a deadlock and the like say something about the job, and are charged.
bool may_be_about_definitions(int sqlstate) noexcept {
    switch (ERRCODE_TO_CATEGORY(sqlstate)) {
        case ERRCODE_PLPGSQL_ERROR:
        case ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION:
        case ERRCODE_TRANSACTION_ROLLBACK:
        case ERRCODE_INSUFFICIENT_RESOURCES:
        case ERRCODE_PROGRAM_LIMIT_EXCEEDED:
        case ERRCODE_OPERATOR_INTERVENTION:
        case ERRCODE_SYSTEM_ERROR:
            return false;
        default:
            return true;
    }
}

bool has_old_definitions() noexcept {
    return g_handlers > 0 && store::definition_generation() != g_definitions;
}

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

void begin_session() noexcept {
    g_began = pg::steady_now();
    g_settings = store::settings_generation();
}

void note_handler() noexcept {
    if (g_handlers++ == 0) g_definitions = store::definition_generation();
}

bool is_session_new() noexcept { return g_handlers == 0; }

bool is_failure_of_session(int sqlstate) noexcept {
    // The first handler of a session finds it as new as any, whatever changes while it runs.
    return g_handlers > 1 && has_old_definitions() && may_be_about_definitions(sqlstate);
}

void renew_session() noexcept { g_spent = true; }

bool must_renew_session() noexcept {
    if (g_spent) return true;
    return (has_old_definitions() || store::settings_generation() != g_settings) &&
           pg::steady_now() - g_began >= kLeastAge;
}

}  // namespace foreman::engine
