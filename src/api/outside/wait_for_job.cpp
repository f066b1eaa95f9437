// wait_for_job(): the long poll of workers outside, without a poll.
//
// does: CALL foreman.wait_for_job(queues, timeout) returns when something of these queues is due, or may be,
// or when the time is over; then call claim(). What has a handler in the database is not waited for. timeout
// NULL: for ever. needs: to be called on its own, outside of transaction blocks and functions; bundle worker
// on the queues. errors: 2D000 where it cannot end the caller's transaction; 42501; 53400 when
// foreman.max_waiters sessions wait already. cost: while it waits it holds no transaction: no snapshot, no
// lock, no xid. A commit wakes it, and the clock when something falls due; the safety poll looks as well. After a claim that
// found nothing, since what is due is locked by somebody, it returns after a rest of 10 to 80 ms.
// Without the board it reads the rows every 100 ms.
#include "api/outside/empty_handed.hpp"
#include "api/outside/lease_arguments.hpp"
#include "api/public_function.hpp"
#include "api/waiting.hpp"
#include "board/settings.hpp"
#include "board/waiters.hpp"
#include "pg/call.hpp"
#include "pg/latch.hpp"
#include "pg/xact.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"
#include "store/jobs/outside_choice.hpp"

namespace foreman::api {

namespace {

constexpr Span kPatience{core::Micros{0}, core::days(3653)};

core::Instant due_from_rows(const store::OutsideFilter& filter, core::Instant now) {
    pg::Transaction tx;
    board::RangeChoice range;
    const bool due = store::choose_outside(filter, now, {}, &range);
    tx.commit();
    return due ? now : core::kPlusInfinity;
}

void wait_until_due(const store::OutsideFilter& filter, std::optional<core::Micros> timeout) {
    const core::Instant until = timeout ? pg::steady_now() + *timeout : core::kPlusInfinity;
    const core::Micros look_again =
        board::board_present() ? core::milliseconds(settings::poll_interval_ms) : kLookWithoutBoard;
    const uint32 event = pg::wait_event("ForemanWaitForJob");
    const Waiting waiting(filter.queues);
    core::Micros rest = EmptyHanded::rest();
    for (;;) {
        // In the table before the look: what commits after the look sets the latch.
        board::rearm_waiter();
        const core::Instant now = pg::clock_now();
        core::Instant due = board::board_present() ? store::next_due_outside(filter) : core::kPlusInfinity;
        if (due > now && (!board::board_present() || board::is_off_board(MyDatabaseId)))
            due = std::min(due, due_from_rows(filter, now));
        const core::Micros left = until - pg::steady_now();
        if (left <= core::Micros{0}) return;
        if (due <= now) {
            if (rest == core::Micros{0}) return;
            pg::wait_latch(std::min(rest, left), event);
            rest = core::Micros{0};
            continue;
        }
        EmptyHanded::forget();
        rest = core::Micros{0};
        // Nobody tells when the clock is set, and then something may be due at once.
        const core::Micros ahead =
            due == core::kPlusInfinity ? pg::kForever : std::min(due - now, core::kClockLook);
        pg::wait_latch(std::min({look_again, left, ahead}), event);
    }
}

}  // namespace

FOREMAN_PUBLIC(wait_for_job) {
    pg::Context context("foreman wait");
    pg::ContextResource memory(context);
    Names queues(&memory);
    {
        const pg::CurrentScope scope(context);
        required_names(pg::optional_argument(fcinfo, 0), "queues", board::kMaxWaitedQueues, &queues);
    }
    for (std::string_view& q : queues) {
        store::require(store::Bundle::worker, q);
        q = {pg::copy_text(q, context.get()), q.size()};
    }
    const auto timeout = optional_duration(pg::optional_argument(fcinfo, 1), "timeout", kPatience);
    const pg::BetweenTransactions between(fcinfo, "foreman.wait_for_job()");
    wait_until_due({{queues.data(), queues.size()}, std::nullopt}, timeout);
    return Datum{0};
}

}  // namespace foreman::api
