// See outside_claim.hpp.
#include "engine/outside_claim.hpp"

#include "board/queue_limits.hpp"
#include "pg/xact.hpp"
#include "store/definitions/queue_settings.hpp"
#include "store/jobs/ageing.hpp"
#include "store/jobs/intake.hpp"
#include "store/jobs/raise.hpp"
#include "store/jobs/unwritten.hpp"

namespace foreman::engine {

namespace {

// Raised by claims themselves once this many rows of a range went through outside hands.
constexpr uint32 kRaiseEvery = 64;
// Under REPEATABLE READ, against others that claim the same rows at the same moment.
constexpr int kMostTries = 100;

struct Claimer {
    store::OutsideFilter filter;
    store::LeaseClaim claim;
    pg::ContextResource* memory;
    pg::vector<store::RangeSpec>* empty;  // ranges in which everything due is locked or gone
    board::RangeRef range;                // that it claims from
    bool on_board;                        // leases may be on the board alone
    bool* no_room;                        // set when the board has no room for the keys of some
};

// Nobody here runs jobs of the kind, and nothing but the lease has to be written.
bool may_lease_on_board(const store::LeaseClaim& claim, const board::RangeChoice& range) noexcept {
    return board::board_present() && range.ref.valid() && range.role == InvalidOid && !claim.in_rows &&
           !board::is_keyed(range.alone) && board::has_room_for_worker(claim.worker);
}

// How many were due; those of them whose keys are taken are not among `jobs`.
std::size_t lease(const Claimer& c, const store::RangeSpec& spec, core::Key from, int qty,
                  pg::vector<store::LeasedJob>* jobs) {
    const std::size_t before = jobs->size();
    std::size_t due = 0;
    if (board::is_keyed(spec.alone)) {
        bool no_room = false;
        store::lease_keyed_jobs(spec, from, qty, c.claim, c.memory->context(), jobs, &due, &no_room);
        board::note_room(c.range, !no_room);
        *c.no_room = *c.no_room || no_room;
        return due;
    }
    if (!c.on_board || !store::lease_on_board(spec, from, qty, c.claim, c.memory->context(), jobs)) {
        const int rest = qty - static_cast<int>(jobs->size() - before);
        if (rest > 0) store::lease_jobs(spec, from, rest, c.claim, c.memory->context(), jobs);
    }
    return jobs->size() - before;
}

// A transaction that keeps its first snapshot may not skip a row that changed after the statement began: the
// server raises 40001 where READ COMMITTED would look at the row again. So the statement is run again, which
// then sees the row as it is.
std::size_t lease_repeatedly(const Claimer& c, const store::RangeSpec& spec, core::Key from, int qty,
                             pg::vector<store::LeasedJob>* jobs) {
    const std::size_t before = jobs->size();
    for (int tries = 1;; tries++) {
        try {
            pg::Subtransaction sub;
            const std::size_t due = lease(c, spec, from, qty, jobs);
            sub.commit();
            return due;
        } catch (const pg::PgError& e) {
            if (e.sqlstate() != ERRCODE_T_R_SERIALIZATION_FAILURE || tries == kMostTries) throw;
            jobs->resize(before);
        }
    }
}

void turn_to_oldest(const Claimer& c, board::RangeChoice* range) {
    store::turn_to_oldest(
        range, c.claim.now,
        [](const void* arg, const board::RangeChoice& r) {
            const auto* claimer = static_cast<const Claimer*>(arg);
            return store::passes_outside(claimer->filter, claimer->claim.now,
                                         {claimer->empty->data(), claimer->empty->size()}, r);
        },
        &c);
}

// Claims from one range; false: nothing came of it, it is left out from now on.
bool claim_some(const Claimer& c, const board::RangeChoice& range, int qty,
                pg::vector<store::LeasedJob>* jobs) {
    core::Key from = range.head;
    qty = static_cast<int>(std::min(static_cast<uint32>(qty), range.most));
    if (board::raise_is_due(range.ref, kRaiseEvery)) from = store::raise_range(range.ref).value_or(from);
    const store::RangeSpec spec{range.queue_name(), range.kind_name(), range.priority, range.alone};
    const std::size_t before = jobs->size();
    const uint32 queue =
        range.ref.valid() ? board::queue_entry_of(range.ref) : board::queue_entry_of(spec.queue);
    store::Intake intake(queue, spec.queue, qty, board::Running::at_once, c.claim.now);
    const int granted = intake.places();
    Claimer mine = c;
    mine.claim.queue = queue;
    mine.range = range.ref;
    mine.on_board = may_lease_on_board(c.claim, range);
    std::size_t due = 0;
    if (granted > 0)
        due = IsolationUsesXactSnapshot() ? lease_repeatedly(mine, spec, from, granted, jobs)
                                          : lease(mine, spec, from, granted, jobs);
    const std::size_t got = jobs->size() - before;
    store::give_places({jobs->data() + before, got}, queue);
    intake.claimed(static_cast<int>(got));
    board::count_claimed(range.ref, static_cast<uint32>(due));
    board::count_ageing(range.ref, static_cast<uint32>(got));
    // raise_range() does nothing in a transaction that has an id, and a claim of keyed jobs takes one. The next
    // claim raises first then: otherwise every claim would walk over the rows that are parked or leased.
    if (due == 0 && granted > 0 && !store::raise_range(range.ref))
        board::count_claimed(range.ref, kRaiseEvery);
    if (due == static_cast<std::size_t>(granted) && granted > 0) return true;
    const auto keep = [&](std::string_view text) {
        return std::string_view(pg::copy_text(text, c.memory->context()), text.size());
    };
    c.empty->push_back({keep(spec.queue), keep(spec.kind), spec.priority, spec.alone});
    return got > 0;
}

}  // namespace

void claim_outside(const store::OutsideFilter& filter, const store::LeaseClaim& claim, int qty,
                   pg::ContextResource* memory, pg::vector<store::LeasedJob>* out) {
    store::ensure_queue_settings();
    pg::vector<store::RangeSpec> empty(memory);
    bool no_room = false;
    const Claimer claimer{filter, claim, memory, &empty, {}, false, &no_room};
    board::RangeChoice range;
    while (static_cast<int>(out->size()) < qty &&
           store::choose_outside(filter, claim.now, {empty.data(), empty.size()}, &range)) {
        if (range.turn_of_oldest) turn_to_oldest(claimer, &range);
        claim_some(claimer, range, qty - static_cast<int>(out->size()), out);
    }
    if (out->empty() && no_room) {
        throw pg::Failure(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
                          "there is no room for the keys of more jobs of this role that run at once")
            .hint(
                "Complete or release some, or raise foreman.board_memory: one role may use half of the keys, "
                "and half of what others leave.");
    }
}

}  // namespace foreman::engine
