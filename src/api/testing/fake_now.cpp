// See fake_now.hpp. Hooks of settings run anywhere, also in the postmaster and outside of transactions: they
// touch plain data only and raise nothing.
#include "api/testing/fake_now.hpp"

#include "board/board.hpp"
#include "pg/datum.hpp"
#include "store/db/clock.hpp"

namespace foreman::api {

constinit char* fake_now_text = nullptr;

namespace {

// Workers live by the server's clock: what a session did by another one would surprise them.
bool dispatcher_runs() noexcept {
    if (MyDatabaseId == InvalidOid || InitializingParallelWorker) return false;
    const board::DatabaseSlot* slot = board::database_slot(MyDatabaseId);
    return slot != nullptr && slot->pid != 0 && !slot->stopped;
}

}  // namespace

extern "C" bool foreman_check_fake_now(char** value, void** extra, GucSource) noexcept {
    if (*value == nullptr || **value == '\0') return true;
    core::Instant instant;
    if (!pg::parse_instant(*value, &instant)) {
        GUC_check_errcode(ERRCODE_INVALID_PARAMETER_VALUE);
        GUC_check_errhint("Allowed: a timestamp with time zone, or an empty string for the server's clock.");
        return false;
    }
    if (dispatcher_runs()) {
        GUC_check_errcode(ERRCODE_OBJECT_IN_USE);
        GUC_check_errdetail("The workers of this database are running.");
        GUC_check_errhint("Run SELECT foreman.stop() first.");
        return false;
    }
    auto* const parsed = static_cast<core::Instant*>(pg::compat::guc_extra(sizeof(core::Instant)));
    if (parsed == nullptr) return false;
    *parsed = instant;
    *extra = parsed;
    return true;
}

extern "C" void foreman_assign_fake_now(const char*, void* extra) noexcept {
    const auto* const parsed = static_cast<const core::Instant*>(extra);
    store::set_fake_now(parsed != nullptr, parsed == nullptr ? core::Instant{} : *parsed);
}

}  // namespace foreman::api
