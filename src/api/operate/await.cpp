// await(): waits until a job ends and answers its state and result.
//
// does: CALL foreman.await(job_id, timeout, state, result) returns when the job is completed, cancelled or
// discarded, or when the time is over; state is NULL for a job that is not there. timeout NULL: for ever.
// needs: to be called on its own, outside of transaction blocks and functions; bundle producer, worker or
// operator on the job's queue. errors: 2D000 where it cannot end the caller's transaction; 42501; 53400 when
// foreman.max_waiters sessions wait already. cost: while it waits it holds no transaction: no snapshot, no
// lock, no xid. The end of the job wakes it; without the board it looks every 100 ms.
#include "api/public_function.hpp"
#include "api/waiting.hpp"
#include "board/settings.hpp"
#include "board/slots.hpp"
#include "pg/latch.hpp"
#include "pg/xact.hpp"
#include "request/arguments.hpp"
#include "store/db/clock.hpp"
#include "store/definitions/access.hpp"
#include "store/jobs/find.hpp"

namespace foreman::api {

namespace {

constexpr Span kPatience{core::Micros{0}, core::days(3653)};

struct Reply {
    char state[16] = {};
    std::optional<Datum> result;
    bool terminal = false;
    bool exists = false;
};

bool runs_now(int64 job_id) noexcept {
    if (!board::board_present()) return false;
    for (int i = 0; i < board::kMaxSlots; i++) {
        board::SlotReading slot;
        if (board::read_slot(i, &slot) && slot.database == MyDatabaseId && slot.job_id == job_id) return true;
    }
    return false;
}

// In a transaction of its own; the result goes to `context`.
Reply look(int64 job_id, MemoryContext context) {
    Reply reply;
    pg::Transaction tx;
    if (const auto answer = store::read_answer(job_id, store::now(), context)) {
        reply.exists = true;
        reply.terminal = answer->terminal;
        reply.result = answer->result;
        const std::string_view state =
            !answer->terminal && runs_now(job_id) ? std::string_view("running") : answer->state;
        state.copy(reply.state, std::min(state.size(), sizeof(reply.state) - 1));
    }
    tx.commit();
    return reply;
}

Reply wait_for_end(int64 job_id, std::optional<core::Micros> timeout, MemoryContext context) {
    const Waiting waiting(job_id);
    const core::Instant until = timeout ? pg::steady_now() + *timeout : core::kPlusInfinity;
    const core::Micros look_again =
        Waiting::is_announced() ? core::milliseconds(settings::poll_interval_ms) : kLookWithoutBoard;
    const uint32 event = pg::wait_event("ForemanAwait");
    for (;;) {
        const Reply reply = look(job_id, context);
        const core::Instant now = pg::steady_now();
        if (reply.terminal || !reply.exists || now >= until) return reply;
        pg::wait_latch(std::min(look_again, until - now), event);
    }
}

// The queue may be gone from the caller's sight before the job ends: its right is that of the call.
void require_right(int64 job_id) {
    const store::Found found = store::find_job(job_id);
    if (found.place == store::Place::nowhere) return;
    if (store::may(store::Bundle::producer, found.queue_name()) ||
        store::may(store::Bundle::worker, found.queue_name()))
        return;
    store::require(store::Bundle::operate, found.queue_name());
}

}  // namespace

FOREMAN_PUBLIC(await) {
    const int64 job_id = required_id(pg::optional_argument(fcinfo, 0));
    const auto timeout = optional_duration(pg::optional_argument(fcinfo, 1), "timeout", kPatience);
    require_right(job_id);
    const TupleDesc desc = pg::result_desc(fcinfo);
    const MemoryContext context = CurrentMemoryContext;
    Reply reply;
    {
        const pg::BetweenTransactions between(fcinfo, "foreman.await()");
        reply = wait_for_end(job_id, timeout, context);
    }
    const Datum values[] = {reply.exists ? pg::text_datum(reply.state) : Datum{0},
                            reply.result.value_or(Datum{0})};
    const bool nulls[] = {!reply.exists, !reply.result.has_value()};
    return pg::composite_datum(desc, values, nulls);
}

}  // namespace foreman::api
