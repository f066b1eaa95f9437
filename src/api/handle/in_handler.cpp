// What a handler may ask and say about the job that it runs for: current_job(), idempotency_key(),
// set_progress(), and the outcomes that keep its writes: snooze(), throttle(), discard(), cancel_self(). The
// last one said counts; an error that the handler raises undoes it.
//
// needs: to be called by a handler, in its own session.
// errors: 55000 elsewhere, 0A000 in lane batch, whose handlers return their outcomes; arguments as in
// request/arguments.hpp. cost: none of them touches a table, but idempotency_key() of the effect of a workflow.
#include "api/public_function.hpp"
#include "board/my_slot.hpp"
#include "pg/encoding.hpp"
#include "pg/error.hpp"
#include "pg/memory.hpp"
#include "request/arguments.hpp"
#include "store/jobs/current_job.hpp"
#include "store/jobs/job_value.hpp"
#include "store/workflows/effects.hpp"

namespace foreman::api {

namespace {

void wish(core::Outcome outcome, core::Micros run_in, std::string_view reason) noexcept {
    store::Wish& w = store::current_job().wish;
    reason = pg::cut(reason, sizeof(w.reason) - 1);
    w.outcome = outcome;
    w.run_in = run_in;
    reason.copy(w.reason, reason.size());
    w.reason_len = static_cast<uint16>(reason.size());
}

}  // namespace

FOREMAN_PUBLIC(current_job) {
    const store::Job& job = store::require_current_job("foreman.current_job()");
    return store::job_datum(job, store::current_job().attempt);
}

FOREMAN_PUBLIC(idempotency_key) {
    const store::Job& job = store::require_current_job("foreman.idempotency_key()");
    if (job.origin == core::Origin::workflow_effect || job.origin == core::Origin::workflow_undo) {
        const bool undo = job.origin == core::Origin::workflow_undo;
        if (const auto key = store::effect_idempotency_key(job.origin_id, undo)) return *key;
    }
    const char* key = pg::guarded([&job]() -> const char* {
        return psprintf("%.*s:" INT64_FORMAT, static_cast<int>(job.kind.size()), job.kind.data(), job.job_id);
    });
    return pg::text_datum(key);
}

FOREMAN_PUBLIC(set_progress) {
    store::require_current_job("foreman.set_progress()");
    const double fraction = DatumGetFloat8(required(pg::optional_argument(fcinfo, 0), "fraction"));
    if (!(fraction >= 0 && fraction <= 1)) {
        throw pg::Failure(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, "fraction %g is out of range", fraction)
            .hint("Allowed: a number between 0 and 1.");
    }
    const OptionalText note = optional_text(pg::optional_argument(fcinfo, 1));
    board::slot_progress(fraction, pg::cut(note.value_or(std::string_view{}), board::kNoteBytes - 1));
    return Datum{0};
}

FOREMAN_PUBLIC(snooze) {
    store::require_current_job("foreman.snooze()");
    wish(core::Outcome::snoozed, required_duration(pg::optional_argument(fcinfo, 0), "run_in", kDelays), {});
    return Datum{0};
}

FOREMAN_PUBLIC(throttle) {
    store::require_current_job("foreman.throttle()");
    wish(core::Outcome::throttled, core::Micros{}, {});
    return Datum{0};
}

FOREMAN_PUBLIC(discard) {
    store::require_current_job("foreman.discard()");
    wish(core::Outcome::discarded, core::Micros{}, required_text(pg::optional_argument(fcinfo, 0), "reason"));
    return Datum{0};
}

FOREMAN_PUBLIC(cancel_self) {
    store::require_current_job("foreman.cancel_self()");
    wish(core::Outcome::cancelled, core::Micros{}, required_text(pg::optional_argument(fcinfo, 0), "reason"));
    return Datum{0};
}

}  // namespace foreman::api
