// Queues on the board: counters that views read instead of counting rows, the cool-down of throttle(),
// and the settings that decide claims. Counters are atomics; entries are found under the ranges lock.
#include <algorithm>
#include <cstring>

#include "board/depths.hpp"
#include "board/parts.hpp"
#include "board/queue_sweep.hpp"

namespace foreman::board {

namespace {

uint32 hash_queue(Oid database, std::string_view name) noexcept {
    return hash_combine(
        hash_bytes(reinterpret_cast<const unsigned char*>(name.data()), static_cast<int>(name.size())),
        database);
}

uint32 find_locked(Oid database, std::string_view name, uint32 hash) noexcept {
    const QueueEntry* q = queue_entries();
    return queue_index().find(hash, [&](uint32 i) {
        return q[i].hash == hash && q[i].database == database &&
               std::string_view(q[i].name, q[i].name_len) == name;
    });
}

// Off the hash chain and onto the free list.
void free_entry_locked(uint32 i) noexcept {
    QueueEntry& q = queue_entries()[i];
    queue_index().unchain(i, q.hash);
    q.database = InvalidOid;
    queue_index().give_back(i);
    count_entries(BoardTable::queues, -1);
}

// All idle entries of a full table make room at once. Where that gave little, not again within a second, lest
// each new name has all entries looked at.
void sweep_locked() noexcept {
    static constinit TimestampTz next_sweep = 0;
    const Instant now{GetCurrentTimestamp()};
    if (now.us < next_sweep && next_sweep - now.us <= USECS_PER_SEC) return;
    QueueEntry* q = queue_entries();
    uint32 freed = 0;
    for (uint32 i = 0; i < queue_index().high(); i++) q[i].ranges_stay = false;
    drop_ranges_of_idle_queues_locked(now);
    for (uint32 i = 0; i < queue_index().high(); i++) {
        if (q[i].database == InvalidOid || q[i].ranges_stay || !is_idle_queue(q[i], now)) continue;
        free_entry_locked(i);
        freed++;
    }
    if (freed < board().queues.capacity / 64) next_sweep = now.us + USECS_PER_SEC;
}

uint32 take_entry_locked() noexcept {
    if (queue_index().is_full()) sweep_locked();
    const uint32 i =
        queue_index().take([](uint32 fresh) { pg_atomic_init_u32(&queue_entries()[fresh].running, 0); });
    if (i == kNoIndex) refuse_entry(BoardTable::queues);
    return i;
}

void add(pg_atomic_uint64* counter, int64 delta) noexcept {
    if (delta != 0) pg_atomic_fetch_add_u64(counter, delta);
}

void add_counts(pg_atomic_uint32* counters, const core::Histogram& h) noexcept {
    for (int i = 0; i < core::kHistogramBuckets; i++) {
        if (h.counts[i] != 0) pg_atomic_fetch_add_u32(&counters[i], static_cast<int32>(h.counts[i]));
    }
}

void add_times(QueueTimes* t, const JobTimes& times) noexcept {
    add_counts(t->wait, times.wait);
    add_counts(t->run, times.run);
    add(&t->wait_us, times.wait_us);
    add(&t->run_us, times.run_us);
}

core::Cooling cooling_of(QueueEntry& q) noexcept {
    return {Instant{static_cast<int64>(pg_atomic_read_u64(&q.throttled_until))},
            static_cast<int>(pg_atomic_read_u32(&q.throttle_windows))};
}

// Needs the ranges lock, exclusively.
void set_cooling(QueueEntry& q, const core::Cooling& c) noexcept {
    pg_atomic_write_u64(&q.throttled_until, static_cast<uint64>(c.until.us));
    pg_atomic_write_u32(&q.throttle_windows, static_cast<uint32>(c.windows));
}

void settle_cooling(QueueEntry& q, Instant now) noexcept {
    const PartGuard guard(BoardLock::ranges, LW_EXCLUSIVE);
    set_cooling(q, core::after_success(cooling_of(q), now));
}

}  // namespace

bool is_idle_queue(QueueEntry& q, Instant now) noexcept {
    const QueueSettings& s = q.settings;
    return !s.paused && !q.in_count && s.ageing == 0 && s.max_running == 0 && s.rate_limit == 0 &&
           pg_atomic_read_u32(&q.running) == 0 && static_cast<int64>(pg_atomic_read_u64(&q.live)) <= 0 &&
           cooling_of(q).until <= now && cooling_of(q).windows == 0;
}

uint32 find_queue_entry(Oid database, std::string_view name) noexcept {
    {
        const PartGuard guard(BoardLock::ranges, LW_SHARED);
        const uint32 i = find_locked(database, name, hash_queue(database, name));
        if (i != kNoIndex) return i;
    }
    const PartGuard guard(BoardLock::ranges, LW_EXCLUSIVE);
    return find_queue_entry_locked(database, name, true);
}

uint32 find_queue_entry_locked(Oid database, std::string_view name, bool add_it) noexcept {
    const uint32 hash = hash_queue(database, name);
    uint32 i = find_locked(database, name, hash);
    if (i != kNoIndex || !add_it) return i;
    i = take_entry_locked();
    if (i == kNoIndex) return i;
    QueueEntry& q = queue_entries()[i];
    q.hash = hash;
    q.database = database;
    q.in_count = false;
    pg_atomic_init_u64(&q.live, 0);
    pg_atomic_init_u64(&q.enqueued, 0);
    pg_atomic_init_u64(&q.completed, 0);
    pg_atomic_init_u64(&q.failed, 0);
    pg_atomic_init_u64(&q.discarded, 0);
    pg_atomic_init_u64(&q.cancelled, 0);
    pg_atomic_init_u64(&q.scheduled, 0);
    pg_atomic_init_u64(&q.leased, 0);
    pg_atomic_init_u64(&q.pending, 0);
    pg_atomic_init_u32(&q.throttle_windows, 0);
    pg_atomic_init_u32(&q.claims, 0);
    if (i < board().times_capacity) std::memset(static_cast<void*>(&queue_times()[i]), 0, sizeof(QueueTimes));
    pg_atomic_init_u64(&q.throttled_until, static_cast<uint64>(core::kMinusInfinity.us));
    // Its places stay: whoever chose a range just before it was given up gives back what it took.
    pg_atomic_init_u32(&q.full_seen, 0);
    pg_atomic_init_u64(&q.rate_opens, static_cast<uint64>(core::kMinusInfinity.us));
    SpinLockInit(&q.rate_mutex);
    q.bucket = {0, Instant{GetCurrentTimestamp()}};
    q.settings = {};
    q.name_len = static_cast<uint16>(name.size() < kNameBytes ? name.size() : kNameBytes - 1);
    name.copy(q.name, q.name_len);
    queue_index().chain(i, hash);
    count_entries(BoardTable::queues, 1);
    return i;
}

void clear_queue_entries_locked(Oid database) noexcept {
    QueueEntry* q = queue_entries();
    for (uint32 i = 0; i < queue_index().high(); i++) {
        if (q[i].database == database) free_entry_locked(i);
    }
}

namespace {

// Needs the ranges lock.
void add_delta(uint32 i, const QueueDelta& delta, const JobTimes* times, FullTransactionId xid) noexcept {
    QueueEntry& q = queue_entries()[i];
    if (delta.live != 0 && !is_counted(q.database, xid)) add(&q.live, delta.live);
    add(&q.enqueued, delta.enqueued);
    add(&q.completed, delta.completed);
    add(&q.failed, delta.failed);
    add(&q.discarded, delta.discarded);
    add(&q.cancelled, delta.cancelled);
    if (times != nullptr && i < board().times_capacity) add_times(&queue_times()[i], *times);
}

}  // namespace

void add_queue_delta(Oid database, std::string_view queue, const QueueDelta& delta, const JobTimes* times,
                     FullTransactionId xid, Instant now) noexcept {
    uint32 i;
    {
        const PartGuard guard(BoardLock::ranges, LW_SHARED);
        i = find_locked(database, queue, hash_queue(database, queue));
        if (i != kNoIndex) add_delta(i, delta, times, xid);
    }
    if (i == kNoIndex) {
        const PartGuard guard(BoardLock::ranges, LW_EXCLUSIVE);
        i = find_queue_entry_locked(database, queue, true);
        if (i == kNoIndex) return;
        add_delta(i, delta, times, xid);
    }
    QueueEntry& q = queue_entries()[i];
    if (delta.completed > 0 && pg_atomic_read_u32(&q.throttle_windows) != 0) settle_cooling(q, now);
}

Instant range_opens_at(RangeRef ref) noexcept { return queue_opens_at(range_hots()[ref.index].queue_index); }

bool queue_is_off_board(RangeRef ref) noexcept {
    return ref.valid() && range_hots()[ref.index].queue_index == kNoIndex;
}

namespace {

// A limit that is new begins with a full bucket; one that was changed goes on with what it has, and after a
// start of the server with none.
void change_settings(QueueEntry& q, const QueueSettings& settings, bool at_start) noexcept {
    const SpinScope spin(&q.rate_mutex);
    if (!at_start && settings.rate_limit > 0 && q.settings.rate_limit <= 0)
        q.bucket.tokens = settings.rate_limit;
    q.bucket.tokens = std::min(q.bucket.tokens, static_cast<double>(settings.rate_limit));
    pg_atomic_write_u64(&q.rate_opens, static_cast<uint64>(core::kMinusInfinity.us));
    q.settings = settings;
}

}  // namespace

void set_queue_settings(Oid database, std::string_view queue, const QueueSettings& settings) noexcept {
    const PartGuard guard(BoardLock::ranges, LW_EXCLUSIVE);
    if (DatabaseSlot* d = database_slot(database)) d->settings_generation++;
    const uint32 i = find_queue_entry_locked(database, queue, true);
    if (i == kNoIndex) return;
    change_settings(queue_entries()[i], settings, false);
}

uint32 queue_settings_generation(const DatabaseSlot& slot) noexcept {
    const PartGuard guard(BoardLock::ranges, LW_SHARED);
    return slot.settings_generation;
}

bool replace_queue_settings(DatabaseSlot& slot, std::span<const NamedSettings> queues,
                            uint32 generation) noexcept {
    const PartGuard guard(BoardLock::ranges, LW_EXCLUSIVE);
    if (slot.settings_generation != generation) return false;
    // After the start, a row that is new here was committed a moment ago, and its commit callback may still be
    // on its way: it counts as a new limit, whose bucket is full.
    const bool at_start = pg_atomic_read_u32(&slot.settings_loaded) == 0;
    for (const NamedSettings& n : queues) {
        const uint32 i = find_queue_entry_locked(slot.database, {n.name.text, n.name.len}, true);
        if (i != kNoIndex) change_settings(queue_entries()[i], n.settings, at_start);
    }
    for (uint32 i = 0; i < queue_index().high(); i++) {
        QueueEntry& q = queue_entries()[i];
        if (q.database != slot.database) continue;
        const std::string_view name(q.name, q.name_len);
        const auto at = std::lower_bound(
            queues.begin(), queues.end(), name,
            [](const NamedSettings& n, std::string_view wanted) { return name_view(n.name) < wanted; });
        if (at == queues.end() || name_view(at->name) != name) q.settings = {};
    }
    pg_atomic_write_u32(&slot.settings_loaded, 1);
    return true;
}

void cool_queue(Oid database, std::string_view queue, const core::ThrottlePolicy& policy,
                Instant now) noexcept {
    const PartGuard guard(BoardLock::ranges, LW_EXCLUSIVE);
    const uint32 i = find_queue_entry_locked(database, queue, true);
    if (i == kNoIndex) return;
    QueueEntry& q = queue_entries()[i];
    set_cooling(q, core::cool_down(policy, cooling_of(q), now));
}

core::Cooling read_cooling(Oid database, std::string_view queue) noexcept {
    if (!board_present()) return {};
    const PartGuard guard(BoardLock::ranges, LW_SHARED);
    const uint32 i = find_locked(database, queue, hash_queue(database, queue));
    return i == kNoIndex ? core::Cooling{} : cooling_of(queue_entries()[i]);
}

void move_queue_pauses(Oid database, core::Micros step) noexcept {
    const PartGuard guard(BoardLock::ranges, LW_EXCLUSIVE);
    for (uint32 i = 0; i < queue_index().high(); i++) {
        QueueEntry& q = queue_entries()[i];
        if (q.database != database) continue;
        core::Cooling c = cooling_of(q);
        c.until = c.until - step;
        set_cooling(q, c);
        pg_atomic_write_u64(&q.rate_opens, static_cast<uint64>(core::kMinusInfinity.us));
    }
}

void forget_coolings(Oid database) noexcept {
    const PartGuard guard(BoardLock::ranges, LW_EXCLUSIVE);
    for (uint32 i = 0; i < queue_index().high(); i++) {
        if (queue_entries()[i].database == database) set_cooling(queue_entries()[i], {});
    }
}

namespace {

void copy_counters(QueueEntry& q, uint32 index, QueueReading* r) noexcept {
    r->index = index;
    set_name(&r->name, {q.name, q.name_len});
    r->live = static_cast<int64>(pg_atomic_read_u64(&q.live));
    r->enqueued = static_cast<int64>(pg_atomic_read_u64(&q.enqueued));
    r->scheduled = static_cast<int64>(pg_atomic_read_u64(&q.scheduled));
    r->leased = static_cast<int64>(pg_atomic_read_u64(&q.leased));
    r->pending = static_cast<int64>(pg_atomic_read_u64(&q.pending));
    r->completed = static_cast<int64>(pg_atomic_read_u64(&q.completed));
    r->failed = static_cast<int64>(pg_atomic_read_u64(&q.failed));
    r->discarded = static_cast<int64>(pg_atomic_read_u64(&q.discarded));
    r->cancelled = static_cast<int64>(pg_atomic_read_u64(&q.cancelled));
    r->throttled_until = Instant{static_cast<int64>(pg_atomic_read_u64(&q.throttled_until))};
    r->oldest_run_at = core::kPlusInfinity;
}

}  // namespace

int read_queues(Oid database, QueueReading* out, int max) noexcept {
    const PartGuard guard(BoardLock::ranges, LW_SHARED);
    int n = 0;
    const uint32 used = queue_index().high();
    for (uint32 i = 0; i < used; i++) {
        QueueEntry& q = queue_entries()[i];
        if (q.database != database) continue;
        if (n < max) copy_counters(q, i, &out[n]);
        n++;
    }
    QueueReading* const end = out + std::min(n, max);  // in the order of index
    const uint32 high = range_count();
    for (uint32 k = 0; k < high; k++) {
        RangeHot& h = range_hots()[k];
        if (h.database != database) continue;
        QueueReading* r = std::lower_bound(
            out, end, h.queue_index, [](const QueueReading& a, uint32 index) { return a.index < index; });
        if (r == end || r->index != h.queue_index) continue;
        const SpinScope spin(&h.mutex);
        r->oldest_run_at = Instant{std::min(r->oldest_run_at.us, h.keys.head.run_at)};
    }
    return n;
}

}  // namespace foreman::board
