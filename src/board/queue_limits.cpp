// See queue_limits.hpp. `running` is atomic; a bucket has its queue's spinlock.
#include "board/queue_limits.hpp"

#include <algorithm>

#include "board/held_list.hpp"
#include "board/parts.hpp"
#include "board/waiters.hpp"

namespace foreman::board {

namespace {

struct Places {
    uint32 entry;
    int count;
    int level;  // of the savepoint in which they were taken: rolled back, it gives them back
};
constinit HeldList<Places> g_places;

Places* find_places(uint32 entry) noexcept {
    for (Places& p : g_places) {
        if (p.entry == entry) return &p;
    }
    return nullptr;
}

Places* find_places(uint32 entry, int level) noexcept {
    for (Places& p : g_places) {
        if (p.entry == entry && p.level == level) return &p;
    }
    return nullptr;
}

core::BucketRule rule_of(const QueueSettings& s) noexcept {
    return {static_cast<double>(s.rate_limit), static_cast<double>(s.rate_limit) * 1e6 /
                                                   static_cast<double>(std::max<int64>(s.rate_period_us, 1))};
}

// Who waits for a place hears of it: the dispatcher, which wakes and recruits, and outside workers.
void tell_free(QueueEntry& q) noexcept {
    if (pg_atomic_read_u32(&q.full_seen) == 0 || pg_atomic_exchange_u32(&q.full_seen, 0) == 0) return;
    poke_dispatcher(q.database, kPokeDue);
    if (anybody_waits()) wake_waiters_of_queue(q.database, {q.name, q.name_len});
}

void leave(uint32 entry, int places) noexcept {
    if (entry == kNoIndex || places == 0) return;
    QueueEntry& q = queue_entries()[entry];
    pg_atomic_fetch_sub_u32(&q.running, places);
    tell_free(q);
}

// Up to `wanted` places within the limit.
int take_some(QueueEntry& q, int wanted) noexcept {
    const int limit = q.settings.max_running;
    if (limit <= 0) {
        pg_atomic_fetch_add_u32(&q.running, wanted);
        return wanted;
    }
    for (bool told = false;;) {
        uint32 seen = pg_atomic_read_u32(&q.running);
        const int free = limit - static_cast<int>(seen);
        if (free <= 0) {
            if (told) return 0;
            // Set full_seen first, then look once more: a job that ends after this look sees the flag and wakes
            // whoever waits.
            pg_atomic_write_u32(&q.full_seen, 1);
            pg_memory_barrier();
            told = true;
            continue;
        }
        const int n = std::min(wanted, free);
        if (pg_atomic_compare_exchange_u32(&q.running, &seen, seen + static_cast<uint32>(n))) return n;
    }
}

int take_tokens(QueueEntry& q, int wanted, Instant now) noexcept {
    if (q.settings.rate_limit <= 0) return wanted;
    const core::BucketRule rule = rule_of(q.settings);
    const SpinScope spin(&q.rate_mutex);
    const int n = core::take_some(rule, q.bucket, now, wanted);
    if (n == 0) {
        const core::Micros wait = core::until_tokens(rule, q.bucket, 1);
        pg_atomic_write_u64(&q.rate_opens, static_cast<uint64>((now + wait).us));
    }
    return n;
}

void give_tokens(QueueEntry& q, int jobs) noexcept {
    if (q.settings.rate_limit <= 0 || jobs == 0) return;
    const SpinScope spin(&q.rate_mutex);
    core::give_back(rule_of(q.settings), q.bucket, jobs);
    pg_atomic_write_u64(&q.rate_opens, static_cast<uint64>(core::kMinusInfinity.us));
}

// The last ones first, which this claim took.
void leave_mine(uint32 entry, int places) noexcept {
    for (int i = g_places.size() - 1; i >= 0 && places > 0; i--) {
        Places& p = g_places[i];
        if (p.entry != entry) continue;
        const int back = std::min(places, p.count);
        places -= back;
        p.count -= back;
        if (p.count == 0) g_places.remove(&p);
        leave(entry, back);
    }
}

}  // namespace

uint32 queue_entry_of(RangeRef range) noexcept {
    return range.valid() ? range_hots()[range.index].queue_index : kNoIndex;
}

uint32 queue_entry_of(std::string_view queue) noexcept {
    return board_present() ? find_queue_entry(MyDatabaseId, queue) : kNoIndex;
}

int take_places(uint32 entry, int wanted, Running running, Instant now) {
    QueueEntry& q = queue_entries()[entry];
    const int level = GetCurrentTransactionNestLevel();
    const bool share = running == Running::one_after_another;
    int granted = wanted;
    if (!share || find_places(entry) == nullptr) {
        g_places.reserve_one();
        const int places = take_some(q, share ? 1 : wanted);
        if (places == 0) return 0;
        if (Places* mine = find_places(entry, level)) {
            mine->count += places;
        } else {
            g_places.add({entry, places, level});
        }
        if (!share) granted = places;
    }
    const int tokens = take_tokens(q, granted, now);
    if (!share && tokens < granted) leave_mine(entry, granted - tokens);
    return tokens;
}

void not_started(uint32 entry, int jobs, Running running) noexcept {
    if (entry == kNoIndex || jobs <= 0) return;
    give_tokens(queue_entries()[entry], jobs);
    if (running != Running::one_after_another) leave_mine(entry, jobs);
}

void hand_over_place(uint32 entry) noexcept {
    Places* mine = g_places.innermost(entry);
    if (mine != nullptr && --mine->count == 0) g_places.remove(mine);
}

void take_place(uint32 entry) noexcept {
    if (entry != kNoIndex) pg_atomic_fetch_add_u32(&queue_entries()[entry].running, 1);
}

void leave_place(uint32 entry) noexcept { leave(entry, 1); }

void release_places() noexcept {
    while (!g_places.empty()) {
        const Places p = g_places.take_last();
        leave(p.entry, p.count);
    }
}

void release_places_of_level(int level) noexcept {
    for (int i = g_places.size() - 1; i >= 0; i--) {
        const Places p = g_places[i];
        if (p.level < level) continue;
        g_places.remove(&g_places[i]);
        leave(p.entry, p.count);
    }
}

void hand_places_to_parent(int level) noexcept {
    for (Places& p : g_places) p.level = std::min(p.level, level - 1);
}

QueueUse read_queue_use(uint32 entry) noexcept {
    if (entry == kNoIndex) return {0, 0, 0, core::kMinusInfinity};
    QueueEntry& q = queue_entries()[entry];
    return {q.settings.max_running, static_cast<int>(pg_atomic_read_u32(&q.running)), q.settings.rate_limit,
            Instant{static_cast<int64>(pg_atomic_read_u64(&q.rate_opens))}};
}

bool is_limited(uint32 entry) noexcept {
    return entry != kNoIndex && queue_entries()[entry].settings.max_running > 0;
}

bool has_place(uint32 entry) noexcept { return find_places(entry) != nullptr; }

}  // namespace foreman::board
