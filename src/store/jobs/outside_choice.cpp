// See outside_choice.hpp.
#include "store/jobs/outside_choice.hpp"

#include <algorithm>

#include "board/parts.hpp"
#include "core/workflow.hpp"
#include "store/definitions/definitions.hpp"

namespace foreman::store {

namespace {

bool contains(std::span<const std::string_view> names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

bool passes(const OutsideFilter& f, std::string_view queue, std::string_view kind, Oid role) {
    if (!contains(f.queues, queue)) return false;
    return f.kinds ? contains(*f.kinds, kind) : role == InvalidOid && !kind.starts_with(core::kTaskKind);
}

bool is_skipped(std::span<const RangeSpec> skip, const RangeSpec& r) {
    return std::any_of(skip.begin(), skip.end(), [&r](const RangeSpec& s) {
        return s.queue == r.queue && s.kind == r.kind && s.priority == r.priority && s.alone == r.alone;
    });
}

bool is_less(const board::RangeChoice& a, int16 priority, core::Key key) {
    return a.priority < priority || (a.priority == priority && a.head < key);
}

bool is_open(std::string_view queue, core::Instant now) {
    if (find_queue(queue).paused) return false;
    return !board::board_present() ||
           board::queue_opens_at(board::find_queue_entry(MyDatabaseId, queue)) <= now;
}

// Over the rows: where there is no board, or it has no room for all ranges. A queue at a time, so that those
// of other queues cost nothing.
bool choose_from_rows(const OutsideFilter& f, core::Instant now, std::span<const RangeSpec> skip,
                      board::RangeChoice* out) {
    bool found = false;
    RangeRow row{};
    for (const std::string_view queue : f.queues) {
        if (!is_open(queue, now)) continue;
        row.queue_len = static_cast<uint16>(queue.copy(row.queue, sizeof(row.queue)));
        row.kind_len = 0;
        row.priority = PG_INT16_MIN;
        row.alone = -1;
        while (next_range(&row, false) && row.spec().queue == queue) {
            const RangeSpec spec = row.spec();
            if (row.first.run_at > now.us ||
                !passes(f, spec.queue, spec.kind, role_of(spec.kind, spec.queue, spec.alone)) ||
                is_skipped(skip, spec))
                continue;
            if (found && is_less(*out, row.priority, row.first)) continue;
            describe_row(row, row.first, out);
            found = true;
        }
    }
    return found;
}

}  // namespace

bool passes_outside(const OutsideFilter& f, core::Instant now, std::span<const RangeSpec> skip,
                    const board::RangeChoice& r) {
    if (r.head.run_at > now.us || !passes(f, r.queue_name(), r.kind_name(), r.role)) return false;
    return !is_skipped(skip, {r.queue_name(), r.kind_name(), r.priority, r.alone}) &&
           board::range_opens_at(r.ref) <= now &&
           !(board::queue_is_off_board(r.ref) && find_queue(r.queue_name()).paused);
}

bool choose_outside(const OutsideFilter& f, core::Instant now, std::span<const RangeSpec> skip,
                    board::RangeChoice* out) {
    if (!board::board_present()) return choose_from_rows(f, now, skip, out);
    bool found = false;
    const uint32 high = board::range_count();
    const board::DatabaseSlot* d = board::database_slot(MyDatabaseId);
    const bool loaded =
        d != nullptr && pg_atomic_read_u32(const_cast<pg_atomic_uint32*>(&d->leases_loaded)) != 0;
    board::RangeChoice r;
    for (uint32 i = 0; i < high; i++) {
        const board::RangeHot& h = board::range_hots()[i];
        if (h.database != MyDatabaseId || h.keys.head.run_at > now.us) continue;
        if (found && is_less(*out, h.priority, h.keys.head)) continue;
        if (!board::describe_range(board::range_at(MyDatabaseId, i), &r) || !passes_outside(f, now, skip, r))
            continue;
        if (!loaded && (board::is_keyed(r.alone) || find_queue(r.queue_name()).max_running > 0)) continue;
        *out = r;
        found = true;
    }
    return found || (loaded && board::is_off_board(MyDatabaseId) && choose_from_rows(f, now, skip, out));
}

core::Instant next_due_outside(const OutsideFilter& f) {
    core::Instant next = core::kPlusInfinity;
    board::RangeChoice r;
    for (uint32 i = 0; i < board::range_count(); i++) {
        const board::RangeHot& h = board::range_hots()[i];
        if (h.database != MyDatabaseId || h.keys.head == core::kNoKey ||
            !board::describe_range(board::range_at(MyDatabaseId, i), &r))
            continue;
        if (passes(f, r.queue_name(), r.kind_name(), h.role))
            next = std::min(next, std::max(core::Instant{r.head.run_at}, board::range_opens_at(r.ref)));
    }
    return next;
}

}  // namespace foreman::store
