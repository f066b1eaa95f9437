// See server_timeouts.hpp.
#include "pg/server_timeouts.hpp"

#include "pg/call.hpp"

namespace foreman::pg {

HandlerTimers::HandlerTimers(bool ours, int statement_ms) : ours_(ours) {
    if (!ours_) return;
    guarded([statement_ms] {
        arm_statement_timer(statement_ms);
        compat::resume_transaction_timeout();
    });
}

HandlerTimers::~HandlerTimers() {
    if (!ours_) return;
    disarm_statement_timer();
    compat::suspend_transaction_timeout();
}

bool is_statement_timed() noexcept { return get_timeout_active(STATEMENT_TIMEOUT); }

void arm_statement_timer(int statement_ms) {
    const int wanted = statement_ms == kSessionTimeout ? StatementTimeout : statement_ms;
    if (wanted > 0 && !is_statement_timed()) enable_timeout_after(STATEMENT_TIMEOUT, wanted);
}

void disarm_statement_timer() noexcept {
    if (is_statement_timed()) disable_timeout(STATEMENT_TIMEOUT, true);
    // It rang when there was nothing left to interrupt.
    if (get_timeout_indicator(STATEMENT_TIMEOUT, true)) QueryCancelPending = 0;
}

void lift_session_limits() {
    guarded([] {
        for (const char* name : {"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout",
                                 "idle_session_timeout", "transaction_timeout"}) {
            if (GetConfigOption(name, true, false) != nullptr)
                SetConfigOption(name, "0", PGC_SUSET, PGC_S_OVERRIDE);
        }
        SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET, PGC_S_OVERRIDE);
        SetConfigOption("default_transaction_read_only", "off", PGC_SUSET, PGC_S_OVERRIDE);
        SetConfigOption("default_transaction_deferrable", "off", PGC_SUSET, PGC_S_OVERRIDE);
    });
}

}  // namespace foreman::pg
