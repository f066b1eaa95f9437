// Ranges on the board: heads, the choice of what to claim next. See core/range_head.hpp for the
// head's rule. Locks: the ranges LWLock for the directory of entries (shared to look up, exclusive to add or
// remove), a spinlock in each entry for its head. Order: LWLock first, spinlock second.
#include <algorithm>
#include <cstring>

#include "board/parts.hpp"

namespace foreman::board {

namespace {

// The raise that this process is in: FATAL leaves it without unwinding.
constinit RangeRef g_raising{};

}  // namespace

void note_room(RangeRef ref, bool room) noexcept {
    if (ref.valid()) range_hots()[ref.index].no_room = !room;
}

bool is_off_board(Oid database) noexcept {
    DatabaseSlot* d = database_slot(database);
    return d != nullptr && pg_atomic_read_u32(&d->off_board) != 0;
}

void note_off_board(Oid database, Instant due) noexcept {
    refuse_entry(BoardTable::ranges);
    DatabaseSlot* d = database_slot(database);
    if (d == nullptr) return;
    pg_atomic_fetch_add_u32(&d->off_board_notes, 1);
    pg_atomic_write_u32(&d->off_board, 1);
    if (d->off_board_due.lower(due)) poke_dispatcher(database, kPokeDue);
}

Oid lower_head(const RangeName& n, Oid role, Key key) noexcept {
    // An entry can be given away between the look-up and the store; the generation tells, and the second try
    // adds it anew, at the beginning.
    const bool runs_inside = role != InvalidOid;
    for (int tries = 0; tries < 3; tries++) {
        const RangeRef ref = find_range(n, role, runs_inside);
        if (!ref.valid()) break;
        RangeHot& h = range_hots()[ref.index];
        const SpinScope spin(&h.mutex);
        if (range_colds()[ref.index].generation != ref.generation) continue;
        core::lower(h.keys, key);
        h.lowered++;
        return h.role;
    }
    note_off_board(n.database, runs_inside ? Instant{key.run_at} : core::kPlusInfinity);
    return role;
}

void lower_head(RangeRef ref, Key key) noexcept {
    if (!ref.valid()) return;
    RangeHot& h = range_hots()[ref.index];
    {
        const SpinScope spin(&h.mutex);
        if (range_colds()[ref.index].generation == ref.generation) {
            core::lower(h.keys, key);
            h.lowered++;
            return;
        }
    }
    // Given away while its only row was held: the dispatcher finds it again from the rows.
    note_off_board(MyDatabaseId, Instant{key.run_at});
}

namespace {

// A mark that ends later than any can shows that the clock was set back since.
bool is_drained(const RangeHot& h, const RangeCold& c, Instant now) noexcept {
    const Instant until{c.drained_until};
    return until > now && until - now <= kDrainFor && c.drained_at == h.lowered;
}

void unmark(uint32 index) noexcept { range_colds()[index].drained_until = core::kMinusInfinity.us; }

}  // namespace

Instant list_due_ranges(Oid database, Oid role, Instant now, bool allow_alone, std::span<const uint32> skip,
                        core::DueList* list) noexcept {
    const uint32 high = range_index().high();
    const RangeHot* hots = range_hots();
    const RangeCold* colds = range_colds();
    Instant marked = core::kPlusInfinity;
    list->begin();
    for (uint32 i = 0; i < high; i++) {
        const RangeHot& h = hots[i];
        // Read without the mutex: what is torn is caught when the range is described before its use.
        const Key head = h.keys.head;
        if (h.database != database || h.role != role || head.run_at > now.us) continue;
        if (is_alone(h.alone) && !allow_alone) continue;
        if (!list->wants(h.priority, head)) continue;
        if (is_drained(h, colds[i], now)) {
            marked = std::min(marked, Instant{colds[i].drained_until});
            continue;
        }
        if (queue_opens_at(h.queue_index) > now) continue;
        if (std::find(skip.begin(), skip.end(), i) != skip.end()) continue;
        list->add({h.priority, head, i, colds[i].generation});
    }
    list->end();
    return marked;
}

void note_drained(RangeRef ref, uint32 lowered, Instant now) noexcept {
    if (!ref.valid()) return;
    RangeCold& c = range_colds()[ref.index];
    const SpinScope spin(&range_hots()[ref.index].mutex);
    if (c.generation != ref.generation) return;
    c.drained_at = lowered;
    c.drained_until = (now + kDrainFor).us;
}

void forget_drained(RangeRef ref) noexcept {
    if (!ref.valid()) return;
    const SpinScope spin(&range_hots()[ref.index].mutex);
    if (range_colds()[ref.index].generation == ref.generation) unmark(ref.index);
}

bool describe_range(RangeRef ref, RangeChoice* out, Instant now) noexcept {
    if (!ref.valid()) return false;
    const PartGuard guard(BoardLock::ranges, LW_SHARED);
    const RangeCold& c = range_colds()[ref.index];
    RangeHot& h = range_hots()[ref.index];
    if (c.generation != ref.generation || h.database == InvalidOid) return false;
    out->ref = ref;
    out->priority = h.priority;
    out->alone = h.alone;
    const uint32 before = claims_before_oldest(h.queue_index);
    out->turn_of_oldest = before == 0;
    out->most = before == 0 ? 1 : before;
    out->queue_len = c.queue_len;
    out->kind_len = c.kind_len;
    std::memcpy(out->queue, c.queue, c.queue_len);
    std::memcpy(out->kind, c.kind, c.kind_len);
    const SpinScope spin(&h.mutex);
    out->head = h.keys.head;
    out->pending = h.keys.pending;
    out->role = h.role;
    out->lowered = h.lowered;
    out->drained = is_drained(h, c, now);
    return true;
}

bool begin_raise(RangeRef ref, Key* from) noexcept {
    if (!ref.valid()) return false;
    RangeHot& h = range_hots()[ref.index];
    const SpinScope spin(&h.mutex);
    if (range_colds()[ref.index].generation != ref.generation || h.raiser_pid != 0) return false;
    h.raiser_pid = MyProcPid;
    g_raising = ref;
    *from = core::begin_raise(h.keys);
    pg_atomic_write_u32(&h.claimed, 0);
    return true;
}

void finish_raise(RangeRef ref, Key first_seen) noexcept {
    RangeHot& h = range_hots()[ref.index];
    const SpinScope spin(&h.mutex);
    if (range_colds()[ref.index].generation != ref.generation || h.raiser_pid != MyProcPid) return;
    core::finish_raise(h.keys, first_seen);
    unmark(ref.index);
    h.raiser_pid = 0;
    g_raising = {};
}

void abandon_raise(RangeRef ref) noexcept {
    if (!ref.valid()) return;
    RangeHot& h = range_hots()[ref.index];
    const SpinScope spin(&h.mutex);
    if (h.raiser_pid == MyProcPid) h.raiser_pid = 0;
    g_raising = {};
}

void abandon_raise() noexcept { abandon_raise(g_raising); }

uint32 range_lowered(RangeRef ref) noexcept {
    RangeHot& h = range_hots()[ref.index];
    const SpinScope spin(&h.mutex);
    return h.lowered;
}

void count_ageing(RangeRef ref, uint32 jobs) noexcept {
    if (!ref.valid()) return;
    const uint32 queue = range_hots()[ref.index].queue_index;
    if (claims_before_oldest(queue) != kNoIndex)
        pg_atomic_fetch_add_u32(&queue_entries()[queue].claims, static_cast<int32>(jobs));
}

void count_claimed(RangeRef ref, uint32 rows) noexcept {
    if (ref.valid()) pg_atomic_fetch_add_u32(&range_hots()[ref.index].claimed, static_cast<int32>(rows));
}

bool raise_is_due(RangeRef ref, uint32 every) noexcept {
    return ref.valid() && pg_atomic_read_u32(&range_hots()[ref.index].claimed) >= every;
}

Key range_head(RangeRef ref) noexcept {
    if (!ref.valid()) return core::kNoKey;
    RangeHot& h = range_hots()[ref.index];
    const SpinScope spin(&h.mutex);
    return range_colds()[ref.index].generation == ref.generation ? h.keys.head : core::kNoKey;
}

void set_range_role(RangeRef ref, Oid role) noexcept {
    if (!ref.valid()) return;
    RangeHot& h = range_hots()[ref.index];
    const SpinScope spin(&h.mutex);
    if (range_colds()[ref.index].generation == ref.generation) h.role = role;
}

void doubt_roles(Oid database) noexcept {
    const uint32 high = range_count();
    for (uint32 i = 0; i < high; i++) {
        if (range_hots()[i].database == database) range_hots()[i].unsure = true;
    }
}

RangeRef take_unsure_range(Oid database, uint32* from) noexcept {
    const uint32 high = range_count();
    for (; *from < high; ++*from) {
        RangeHot& h = range_hots()[*from];
        if (h.database != database || !h.unsure) continue;
        h.unsure = false;
        const RangeRef ref = range_at(database, *from);
        if (ref.valid()) return ref;
    }
    return {};
}

void reset_heads(Oid database) noexcept {
    if (!board_present()) return;
    const uint32 high = range_index().high();
    for (uint32 i = 0; i < high; i++) {
        RangeHot& h = range_hots()[i];
        const SpinScope spin(&h.mutex);
        if (h.database == database) core::lower(h.keys, core::kFirstKey);
    }
}

int held_keys(RangeRef ref, Key* out) noexcept {
    int n = 0;
    for (auto& s : board().slots) {
        if (pg_atomic_read_u32(&s.state) == static_cast<uint32>(SlotState::free)) continue;
        const SpinScope spin(&s.mutex);
        if (s.held_range == ref.index) out[n++] = s.held_key;
    }
    return n;
}

void visit_ranges(Oid database, RangeVisit visit, void* arg) noexcept {
    const uint32 high = range_index().high();
    for (uint32 i = 0; i < high; i++) {
        RangeHot& h = range_hots()[i];
        if (h.database != database) continue;
        Key head;
        Oid role;
        {
            const SpinScope spin(&h.mutex);
            head = h.keys.head;
            role = h.role;
        }
        visit(arg, i, role, head, queue_opens_at(h.queue_index));
    }
}

RangeRef range_at(Oid database, uint32 index) noexcept {
    if (index >= range_count() || range_hots()[index].database != database) return {};
    return {index, range_colds()[index].generation};
}

uint32 range_count() noexcept { return range_index().high(); }

}  // namespace foreman::board
