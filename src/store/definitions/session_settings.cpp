// See session_settings.hpp. One counter for the whole cluster: such statements are rare, and a new session is
// cheap.
#include "store/definitions/session_settings.hpp"

#include "board/board.hpp"
#include "pg/call.hpp"

namespace foreman::store {

namespace {

constinit bool g_changed = false;
constinit bool g_registered = false;

extern "C" void foreman_settings_at_transaction_end(XactEvent event, void*) {
    if (!g_changed) return;
    switch (event) {
        case XACT_EVENT_COMMIT:
            tell_settings_changed();
            g_changed = false;
            break;
        case XACT_EVENT_ABORT:
        case XACT_EVENT_PREPARE:  // COMMIT PREPARED tells it
            g_changed = false;
            break;
        default:
            break;
    }
}

}  // namespace

void note_settings_change() {
    if (!g_registered) {
        pg::guarded([] { RegisterXactCallback(foreman_settings_at_transaction_end, nullptr); });
        g_registered = true;
    }
    g_changed = true;
}

void tell_settings_changed() noexcept {
    if (board::board_present()) pg_atomic_fetch_add_u32(&board::board().settings_generation, 1);
}

uint32 settings_generation() noexcept {
    return board::board_present() ? pg_atomic_read_u32(&board::board().settings_generation) : 0;
}

}  // namespace foreman::store
