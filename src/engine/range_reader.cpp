// See range_reader.hpp.
#include "engine/range_reader.hpp"

#include <algorithm>
#include <utility>

#include "board/board.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "store/definitions/definitions.hpp"
#include "store/jobs/raise.hpp"

namespace foreman::engine {

namespace {

constexpr core::Micros kMissingPause = core::milliseconds(500);

}  // namespace

bool RangeReader::begin(core::Instant now, core::Instant steady, bool all) noexcept {
    if (active_) {
        once_more_ |= all;
        return true;
    }
    all |= broken_;
    board::DatabaseSlot* d = board::database_slot(database_);
    if (!all && (steady < next_missing_ || d->off_board_due.read() > now)) return false;
    active_ = at_start_ = true;
    all_ = all;
    began_ = steady;
    notes_ = pg_atomic_read_u32(&d->off_board_notes);
    d->off_board_due.forget();
    return true;
}

// A range that is there already is raised in a pass over all. One that is not due has its place only where
// one is free.
void RangeReader::look_at(const store::RangeRow& row, core::Instant now) const {
    const store::RangeSpec spec = row.spec();
    const board::RangeName name{database_, spec.queue, spec.kind, spec.priority, spec.alone};
    if (!all_ && board::read_range_state(name).known) return;
    const Oid role = store::role_of(spec.kind, spec.queue, spec.alone);
    const bool runs_inside = role != InvalidOid;
    const board::RangeRef ref = board::find_range(name, role, runs_inside && row.first.run_at <= now.us);
    if (ref.valid()) {
        store::raise_range_from_start(ref);
    } else {
        board::note_off_board(database_, runs_inside ? core::Instant{row.first.run_at} : core::kPlusInfinity);
    }
}

void RangeReader::step(core::Instant now, core::Micros most) {
    const core::Instant end = pg::steady_now() + most;
    active_ = false;
    broken_ = true;
    do {
        if (!store::next_range(&row_, std::exchange(at_start_, false))) return finish();
        look_at(row_, now);
        pg::call<&ProcessInterrupts>();
    } while (pg::steady_now() < end);
    active_ = true;
    broken_ = false;
}

// What has been said to be missing since it began is missing still.
void RangeReader::finish() noexcept {
    broken_ = false;
    board::DatabaseSlot* d = board::database_slot(database_);
    pg_atomic_write_u32(&d->off_board, 0);
    pg_memory_barrier();
    if (pg_atomic_read_u32(&d->off_board_notes) != notes_) pg_atomic_write_u32(&d->off_board, 1);
    const core::Instant done = pg::steady_now();
    next_missing_ = done + std::max(kMissingPause, (done - began_) * 2);
    if (std::exchange(once_more_, false)) begin(done, done, true);
}

}  // namespace foreman::engine
