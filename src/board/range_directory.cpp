// The directory of ranges on the board: which there are, and which leaves when there is no room for another.
// What a range's entry says is in ranges.cpp. Locks: as there.
#include <algorithm>
#include <cstring>

#include "board/parts.hpp"
#include "board/queue_sweep.hpp"
#include "core/range_worth.hpp"

namespace foreman::board {

using Worth = core::RangeWorth;

namespace {

uint32 hash_range(const RangeName& n) noexcept {
    const auto* q = reinterpret_cast<const unsigned char*>(n.queue.data());
    const auto* k = reinterpret_cast<const unsigned char*>(n.kind.data());
    uint32 h = hash_combine(hash_bytes(q, static_cast<int>(n.queue.size())),
                            hash_bytes(k, static_cast<int>(n.kind.size())));
    h = hash_combine(h, n.database);
    return hash_combine(h, static_cast<uint32>(n.priority * 4 + n.alone));
}

bool is_range(uint32 i, uint32 hash, const RangeName& n) noexcept {
    const RangeCold& c = range_colds()[i];
    const RangeHot& h = range_hots()[i];
    return c.hash == hash && h.database == n.database && h.priority == n.priority && h.alone == n.alone &&
           std::string_view(c.queue, c.queue_len) == n.queue &&
           std::string_view(c.kind, c.kind_len) == n.kind;
}

uint32 find_locked(const RangeName& n, uint32 hash) noexcept {
    return range_index().find(hash, [&n, hash](uint32 i) { return is_range(i, hash, n); });
}

// Off the hash chain; its head was given up under its spinlock before.
void unchain_locked(uint32 i) noexcept {
    range_index().unchain(i, range_colds()[i].hash);
    count_entries(BoardTable::ranges, -1);
}

// Needs the spinlock: whoever lowers the head from here on sees that it is another range's.
void give_up(uint32 i) noexcept {
    range_hots()[i].database = InvalidOid;
    range_hots()[i].keys = {core::kNoKey, core::kNoKey};
    range_colds()[i].generation++;
}

void unlink_locked(uint32 i) noexcept {
    {
        const SpinScope spin(&range_hots()[i].mutex);
        give_up(i);
    }
    unchain_locked(i);
}

core::RangeUse use_of(const RangeHot& h) noexcept {
    return {h.keys, h.role != InvalidOid, h.raiser_pid != 0 || h.database == InvalidOid};
}

// false: it is worth more by now.
bool give_away_locked(uint32 i, Worth most, int64 now) noexcept {
    core::Parting parting;
    Oid database;
    {
        RangeHot& h = range_hots()[i];
        const SpinScope spin(&h.mutex);
        parting = core::part_with(use_of(h), most, now);
        if (!parting.leaves) return false;
        database = h.database;
        give_up(i);
    }
    unchain_locked(i);
    if (parting.has_rows) note_off_board(database, Instant{parting.due});
    return true;
}

// An entry to give away is looked for among so many, from where the last search ended: who came last stays
// until all others have had their turn.
constexpr uint32 kLooks = 128;

uint32 evict_locked(int64 now, bool needed) noexcept {
    Board& b = board();
    uint32 others[2] = {kNoIndex, kNoIndex};  // that may wait, and that are due
    for (uint32 looked = 0; looked < std::min(kLooks, b.ranges.capacity); looked++) {
        const uint32 i = b.range_hand;
        b.range_hand = (i + 1) % b.ranges.capacity;
        const Worth worth =
            core::worth_of(use_of(range_hots()[i]), now);  // read without the mutex: looked at again
        if (worth == Worth::nothing && give_away_locked(i, worth, now)) return i;
        if (worth != Worth::may_wait && worth != Worth::due) continue;
        uint32& other = others[worth == Worth::due];
        if (other == kNoIndex) other = i;
    }
    if (!needed) return kNoIndex;
    for (const uint32 i : others) {
        if (i != kNoIndex && give_away_locked(i, Worth::due, now)) return i;
    }
    return kNoIndex;
}

uint32 take_entry_locked(int64 now, bool needed) noexcept {
    const uint32 i = range_index().take([](uint32 fresh) {
        RangeHot& h = range_hots()[fresh];
        SpinLockInit(&h.mutex);
        pg_atomic_init_u32(&h.claimed, 0);
        h.database = InvalidOid;
        range_colds()[fresh].generation = 1;
    });
    return i != kNoIndex ? i : evict_locked(now, needed);
}

uint8 hash_kind(std::string_view kind) noexcept { return static_cast<uint8>(name_hash(kind)); }

uint32 add_locked(const RangeName& n, uint32 hash, Oid role, bool needed) noexcept {
    const uint32 i = take_entry_locked(GetCurrentTimestamp(), needed);
    if (i == kNoIndex) return i;
    RangeCold& c = range_colds()[i];
    c.hash = hash;
    c.queue_len = static_cast<uint16>(std::min<std::size_t>(n.queue.size(), kNameBytes - 1));
    c.kind_len = static_cast<uint16>(std::min<std::size_t>(n.kind.size(), kNameBytes - 1));
    n.queue.copy(c.queue, c.queue_len);
    n.kind.copy(c.kind, c.kind_len);
    RangeHot& h = range_hots()[i];
    const uint32 queue_index = find_queue_entry_locked(n.database, n.queue, true);
    {
        const SpinScope spin(&h.mutex);
        h.role = role;
        h.priority = n.priority;
        h.alone = n.alone;
        h.queue_index = queue_index;
        h.raiser_pid = 0;
        h.lowered = 0;
        h.no_room = false;
        c.drained_at = 0;
        c.drained_until = core::kMinusInfinity.us;
        h.unsure = role == InvalidOid;
        h.kind_hash = hash_kind(n.kind);
        // Rows that the board does not know of may stand below any key that is known.
        h.keys = {core::kFirstKey, core::kNoKey};
        h.database = n.database;
    }
    range_index().chain(i, hash);
    count_entries(BoardTable::ranges, 1);
    // A handler may have been registered since the role was looked up, when this range was not here to be
    // told.
    if (role == InvalidOid) poke_dispatcher(n.database, kPokeNewKinds);
    return i;
}

}  // namespace

RangeRef find_range(const RangeName& n, Oid role, bool needed) noexcept {
    const uint32 hash = hash_range(n);
    {
        const PartGuard guard(BoardLock::ranges, LW_SHARED);
        const uint32 i = find_locked(n, hash);
        if (i != kNoIndex) return {i, range_colds()[i].generation};
    }
    const PartGuard guard(BoardLock::ranges, LW_EXCLUSIVE);
    uint32 i = find_locked(n, hash);
    if (i == kNoIndex) i = add_locked(n, hash, role, needed);
    return i == kNoIndex ? RangeRef{} : RangeRef{i, range_colds()[i].generation};
}

RangeState read_range_state(const RangeName& n) noexcept {
    const PartGuard guard(BoardLock::ranges, LW_SHARED);
    const uint32 i = find_locked(n, hash_range(n));
    return i == kNoIndex ? RangeState{false, false} : RangeState{true, range_hots()[i].no_room};
}

void set_kind_role(Oid database, std::string_view kind, Oid role) noexcept {
    if (!board_present()) return;
    const uint8 hash = hash_kind(kind);
    const PartGuard guard(BoardLock::ranges, LW_SHARED);
    const uint32 high = range_index().high();
    for (uint32 i = 0; i < high; i++) {
        RangeHot& h = range_hots()[i];
        if (h.database != database || h.kind_hash != hash) continue;
        const RangeCold& c = range_colds()[i];
        if (std::string_view(c.kind, c.kind_len) != kind) continue;
        if (is_unvouched(h.alone) && role != InvalidOid) continue;
        const SpinScope spin(&h.mutex);
        h.role = role;
    }
}

void drop_ranges_of_idle_queues_locked(Instant now) noexcept {
    const uint32 high = range_index().high();
    for (uint32 i = 0; i < high; i++) {
        const RangeHot& h = range_hots()[i];
        if (h.database == InvalidOid || h.queue_index == kNoIndex) continue;
        QueueEntry& q = queue_entries()[h.queue_index];
        if (is_idle_queue(q, now) && give_away_locked(i, Worth::nothing, now.us)) {
            range_index().give_back(i);
        } else {
            q.ranges_stay = true;
        }
    }
}

void clear_ranges(Oid database) noexcept {
    const PartGuard guard(BoardLock::ranges, LW_EXCLUSIVE);
    const uint32 high = range_index().high();
    for (uint32 i = 0; i < high; i++) {
        if (range_hots()[i].database != database) continue;
        unlink_locked(i);
        range_index().give_back(i);
    }
    clear_queue_entries_locked(database);
    clear_workflow_counts_locked(database);
}

}  // namespace foreman::board
