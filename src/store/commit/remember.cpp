// Notes of the current transaction, one list with the nesting level of each, and the callbacks that apply or
// drop them.
#include "store/commit/remember.hpp"

#include <algorithm>
#include <cstring>

#include "board/held_list.hpp"
#include "board/leases.hpp"
#include "board/parts.hpp"
#include "board/permits.hpp"
#include "board/queue_limits.hpp"
#include "board/waiters.hpp"
#include "board/waits.hpp"
#include "pg/memory.hpp"
#include "store/db/clock.hpp"

namespace foreman::store {

namespace {

enum class NoteKind : uint8 {
    work,
    counts,
    request,
    expiry,
    fire,
    kind_role,
    lease,
    lease_end,
    settings,
    throttle,
    key,
    await,
    stop
};

struct Note {
    NoteKind type;
    bool interrupt;
    bool placed;  // the lease is on the board
    int16 priority;
    int16 alone;
    uint16 queue_len;
    uint16 kind_len;
    uint32 hash;
    int level;
    int next;  // the note before it in its bucket, -1: none
    Oid role;
    Key key;
    int64 id;  // of a job; of work, how many jobs
    QueueDelta delta;
    pg::UuidBytes token;
    Instant until;
    core::Micros length;
    uint32 keys[2];
    uint32 place;
    QueueSettings settings;
    core::ThrottlePolicy policy;
    core::ParkedPlace parked;
    JobTimes* times;  // of counts, in the notes' context; may be nullptr
    char* names;      // queue, then kind; in the notes' context
    std::string_view queue() const noexcept { return {names, queue_len}; }
    std::string_view kind() const noexcept { return {names + queue_len, kind_len}; }
};

constinit MemoryContext g_context = nullptr;
constinit Note* g_notes = nullptr;
constinit int g_count = 0;
constinit int g_capacity = 0;
constinit int* g_buckets = nullptr;  // as many as g_capacity: the last note of each, -1: none
constinit int64* g_ends = nullptr;   // ids of jobs that end in this transaction
constinit int g_end_count = 0;
constinit int g_end_capacity = 0;
constinit uint32 g_pokes = 0;
constinit bool g_launcher = false;
constinit bool g_registered = false;

void forget_all() noexcept {
    g_count = 0;
    g_capacity = 0;
    g_notes = nullptr;
    g_buckets = nullptr;
    g_ends = nullptr;
    g_end_count = g_end_capacity = 0;
    g_pokes = 0;
    g_launcher = false;
    if (g_context != nullptr && !MemoryContextIsEmpty(g_context)) MemoryContextReset(g_context);
}

void apply_work(const Note& n, Instant now) noexcept {
    lower_head({MyDatabaseId, n.queue(), n.kind(), n.priority, n.alone}, n.role, n.key);
    wake_for(MyDatabaseId, n.role, Instant{n.key.run_at}, now);
    // wait_for_job() serves workers outside: it is not woken for kinds that have a handler in the database.
    if (n.role == InvalidOid && anybody_waits()) wake_waiters_of_queue(MyDatabaseId, n.queue(), n.id);
}

void apply_request(const Note& n) noexcept {
    if (DatabaseSlot* d = database_slot(MyDatabaseId)) {
        pg_atomic_fetch_add_u32(&d->request_generation, 1);
        pg_atomic_write_u32(&d->requests_open, 1);
    }
    if (n.interrupt && !interrupt_job(MyDatabaseId, n.id)) mark_lease_cancelled(MyDatabaseId, n.id);
    poke_dispatcher(MyDatabaseId, kPokeRequests);
}

// What waits for the queue looks again: one that was paused may be open now.
void apply_settings(const Note& n) noexcept {
    set_queue_settings(MyDatabaseId, n.queue(), n.settings);
    // Jobs that its limit for each key, or the policy of its sequences, held up may go.
    if (DatabaseSlot* d = database_slot(MyDatabaseId)) pg_atomic_write_u32(&d->waits_overflow, 1);
    poke_dispatcher(MyDatabaseId, kPokeQueues | kPokeDue | kPokeBlocked);
    if (anybody_waits()) wake_waiters_of_queue(MyDatabaseId, n.queue());
}

void apply_instant(const Note& n) noexcept {
    DatabaseSlot* d = database_slot(MyDatabaseId);
    if (d == nullptr) return;
    if (n.type == NoteKind::fire) {
        if (d->next_fire.lower(Instant{n.id})) poke_dispatcher(MyDatabaseId, kPokeSchedules);
    } else {
        if (d->next_expiry.lower(Instant{n.id})) poke_dispatcher(MyDatabaseId, kPokeExpiry);
    }
}

void apply_all() noexcept {
    if (!board_present()) return;
    debug_point(DebugPoint::before_commit_callback);
    const Instant now{GetCurrentTimestamp()};
    // Counts come first: sessions and workers that the rest wakes may read them at once.
    const FullTransactionId xid = GetTopFullTransactionIdIfAny();
    for (int i = 0; i < g_count; i++) {
        const Note& n = g_notes[i];
        if (n.type == NoteKind::counts)
            add_queue_delta(MyDatabaseId, n.queue(), n.delta, n.times, xid, store::now());
    }
    for (int i = 0; i < g_count; i++) {
        const Note& n = g_notes[i];
        switch (n.type) {
            case NoteKind::kind_role:
                set_kind_role(MyDatabaseId, n.kind(), n.role);
                break;
            case NoteKind::counts:
                break;
            case NoteKind::work:
                apply_work(n, now);
                break;
            case NoteKind::request:
                apply_request(n);
                break;
            case NoteKind::expiry:
            case NoteKind::fire:
                apply_instant(n);
                break;
            case NoteKind::lease:  // since place_leases()
                break;
            case NoteKind::lease_end:
                drop_lease(MyDatabaseId, n.id, n.token);
                break;
            case NoteKind::key:
                hint_key(MyDatabaseId, {static_cast<BlockedOn>(n.priority), n.queue(), n.kind()},
                         n.alone != 0, n.parked);
                break;
            case NoteKind::await:
                await_end(MyDatabaseId, n.id);
                break;
            case NoteKind::stop:
                if (DatabaseSlot* d = database_slot(MyDatabaseId)) d->stopped = true;
                break;
            case NoteKind::settings:
                apply_settings(n);
                break;
            case NoteKind::throttle:
                cool_queue(MyDatabaseId, n.queue(), n.policy, n.until);
                poke_dispatcher(MyDatabaseId, kPokeDue);  // it wakes whom the end of the window concerns
                break;
        }
    }
    // Asked here and not when the job ended: whoever began to wait meanwhile looked before this commit was
    // visible, or is in the table by now.
    if (g_end_count > 0 && anybody_waits())
        wake_waiters(MyDatabaseId, {g_ends, static_cast<std::size_t>(g_end_count)});
    tell_ends(MyDatabaseId, g_ends, g_end_count);
    if (g_pokes != 0) poke_dispatcher(MyDatabaseId, g_pokes);
    if (g_launcher) poke_launcher(MyDatabaseId);
}

bool holds_a_limit(const Note& n) noexcept {
    return is_limited(n.place) || n.keys[0] != kNoIndex || n.keys[1] != kNoIndex;
}

// Before the commit can be seen: whoever ends a lease that it sees must find it on the board, or what the
// lease holds there stays taken.
// false: one that counts under a limit has no room.
bool place_leases() noexcept {
    if (!board_present()) return true;
    // From the last on, as they are searched for among what this process holds.
    for (int i = g_count - 1; i >= 0; i--) {
        Note& n = g_notes[i];
        if (n.type != NoteKind::lease) continue;
        n.placed = add_lease(MyDatabaseId, n.id, n.token, n.until, n.length, n.keys, n.place);
        if (!n.placed && holds_a_limit(n)) return false;
        if (!n.placed) continue;
        hand_over_place(n.place);
        for (const uint32 key : n.keys) hand_over_key(key);
    }
    return true;
}

// What it holds would be free at the end of the transaction, and one more than allowed would run.
void refuse_unplaced() {
    ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                    errmsg("there is no room for more leases of jobs under a limit"),
                    errhint("Complete or release some, or raise foreman.board_memory.")));
}

void take_leases_back() noexcept {
    for (int i = 0; i < g_count; i++) {
        if (g_notes[i].type == NoteKind::lease && g_notes[i].placed)
            drop_lease(MyDatabaseId, g_notes[i].id, g_notes[i].token);
    }
}

// A prepared transaction outlives the process that counts its places and keys.
void refuse_to_prepare_limited() {
    for (int i = 0; i < g_count; i++) {
        const Note& n = g_notes[i];
        if (n.type != NoteKind::lease || !holds_a_limit(n)) continue;
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot PREPARE a transaction that has claimed jobs under a limit"),
                        errhint("Commit it, or release what it claimed.")));
    }
}

extern "C" void foreman_at_transaction_end(XactEvent event, void*) {
    switch (event) {
        case XACT_EVENT_PRE_COMMIT:
            if (!place_leases()) refuse_unplaced();
            break;
        case XACT_EVENT_PRE_PREPARE:
            refuse_to_prepare_limited();
            break;
        case XACT_EVENT_COMMIT:
            if (g_count > 0 || g_end_count > 0 || g_pokes != 0 || g_launcher) apply_all();
            forget_all();
            release_keys();
            slot_transaction(InvalidTransactionId);
            break;
        case XACT_EVENT_ABORT:
            take_leases_back();
            forget_all();
            release_keys();
            slot_transaction(InvalidTransactionId);
            break;
        case XACT_EVENT_PREPARE:
            // Its commit runs no callback: the dispatcher looks for it.
            if (board_present() && (g_count > 0 || g_end_count > 0 || g_pokes != 0))
                poke_dispatcher(MyDatabaseId, kPokePrepared);
            forget_all();
            release_keys();
            slot_transaction(InvalidTransactionId);
            break;
        default:
            break;
    }
}

int* bucket_of(const Note& n) noexcept { return &g_buckets[n.hash & static_cast<uint32>(g_capacity - 1)]; }

// The chain of a bucket leads from its last note to its first, so that the last note of all is the first of
// its chain.
void chain_last() noexcept {
    Note& n = g_notes[g_count - 1];
    n.next = *bucket_of(n);
    *bucket_of(n) = g_count - 1;
}

void drop_last() noexcept {
    const Note& n = g_notes[g_count - 1];
    *bucket_of(n) = n.next;
    g_count--;
}

bool same_place(const Note& a, const Note& b) noexcept {
    return a.hash == b.hash && a.type == b.type && a.level == b.level && a.priority == b.priority &&
           a.alone == b.alone && a.queue() == b.queue() && a.kind() == b.kind();
}

void add_times(JobTimes* into, const JobTimes& from) noexcept {
    for (int i = 0; i < core::kHistogramBuckets; i++) {
        into->wait.counts[i] += from.wait.counts[i];
        into->run.counts[i] += from.run.counts[i];
    }
    into->wait_us += from.wait_us;
    into->run_us += from.run_us;
}

bool is_instant(const Note& n) noexcept { return n.type == NoteKind::expiry || n.type == NoteKind::fire; }

void merge(Note* into, const Note& from) noexcept {
    if (is_instant(*into)) into->id = std::min(into->id, from.id);
    if (into->type == NoteKind::work) into->id += from.id;
    into->key = std::min(into->key, from.key);
    into->parked = std::min(into->parked, from.parked);
    into->delta.live += from.delta.live;
    into->delta.enqueued += from.delta.enqueued;
    into->delta.completed += from.delta.completed;
    into->delta.failed += from.delta.failed;
    into->delta.discarded += from.delta.discarded;
    into->delta.cancelled += from.delta.cancelled;
    if (into->times == nullptr) {
        into->times = from.times;
    } else if (from.times != nullptr) {
        add_times(into->times, *from.times);
    }
}

// Work, counts and throttling of one place, all expiries, and all times of schedules are one note per level.
Note* find_mergeable(const Note& like) noexcept {
    if (like.type != NoteKind::work && like.type != NoteKind::counts && like.type != NoteKind::throttle &&
        like.type != NoteKind::key && !is_instant(like))
        return nullptr;
    if (g_count == 0) return nullptr;
    for (int i = *bucket_of(like); i >= 0; i = g_notes[i].next) {
        if (same_place(g_notes[i], like)) return &g_notes[i];
    }
    return nullptr;
}

void pop_level(int level) noexcept {
    while (g_count > 0 && g_notes[g_count - 1].level >= level) drop_last();
}

void hand_level_to_parent(int level) noexcept {
    for (int i = g_count - 1; i >= 0 && g_notes[i].level >= level; i--) g_notes[i].level = level - 1;
    // The parent may know the same place already: fold equal neighbours, so that a loop of savepoints stays
    // small.
    for (int i = g_count - 1; i > 0 && g_notes[i].level == level - 1; i--) {
        const Note last = g_notes[i];
        drop_last();
        if (Note* same = find_mergeable(last)) {
            merge(same, last);
        } else {
            g_count++;
            chain_last();
            break;
        }
    }
}

extern "C" void foreman_at_subtransaction_end(SubXactEvent event, SubTransactionId, SubTransactionId, void*) {
    const int level = GetCurrentTransactionNestLevel();
    if (event == SUBXACT_EVENT_ABORT_SUB) {
        pop_level(level);
        release_keys_of_level(level);
    } else if (event == SUBXACT_EVENT_COMMIT_SUB) {
        if (g_count > 0) hand_level_to_parent(level);
        hand_keys_to_parent(level);
    }
}

void prepare_context() {
    if (!g_registered) {
        pg::guarded([] {
            if (g_context == nullptr)
                g_context = AllocSetContextCreate(TopMemoryContext, "foreman notes", ALLOCSET_SMALL_SIZES);
            RegisterXactCallback(foreman_at_transaction_end, nullptr);
            RegisterSubXactCallback(foreman_at_subtransaction_end, nullptr);
        });
        g_registered = g_ends_watched = true;
    }
}

uint32 hash_names(std::string_view queue, std::string_view kind) noexcept {
    uint32 h = 0;
    if (!queue.empty())
        h = hash_bytes(reinterpret_cast<const unsigned char*>(queue.data()), static_cast<int>(queue.size()));
    if (!kind.empty())
        h = hash_combine(h, hash_bytes(reinterpret_cast<const unsigned char*>(kind.data()),
                                       static_cast<int>(kind.size())));
    return h;
}

void add_note(Note n, std::string_view queue, std::string_view kind) {
    prepare_context();
    n.level = GetCurrentTransactionNestLevel();
    n.queue_len = static_cast<uint16>(queue.size());
    n.kind_len = static_cast<uint16>(kind.size());
    n.hash = hash_combine(hash_names(queue, kind), static_cast<uint32>(n.type));
    char probe[2 * kNameBytes];
    std::memcpy(probe, queue.data(), queue.size());
    std::memcpy(probe + queue.size(), kind.data(), kind.size());
    n.names = probe;
    if (Note* same = find_mergeable(n)) {
        merge(same, n);
        return;
    }
    if (g_count == g_capacity) {
        const int capacity = g_capacity == 0 ? 16 : g_capacity * 2;
        auto* bigger =
            static_cast<Note*>(pg::allocate(sizeof(Note) * static_cast<Size>(capacity), g_context));
        std::memcpy(static_cast<void*>(bigger), g_notes, sizeof(Note) * static_cast<Size>(g_count));
        g_notes = bigger;
        g_buckets = static_cast<int*>(pg::allocate(sizeof(int) * static_cast<Size>(capacity), g_context));
        g_capacity = capacity;
        std::fill_n(g_buckets, capacity, -1);
        const int count = g_count;
        for (g_count = 1; g_count <= count; g_count++) chain_last();
        g_count = count;
    }
    n.names = static_cast<char*>(pg::allocate(queue.size() + kind.size() + 1, g_context));
    std::memcpy(n.names, probe, queue.size() + kind.size());
    g_notes[g_count++] = n;
    chain_last();
}

Note blank(NoteKind type) noexcept {
    Note n{};
    n.type = type;
    n.key = core::kNoKey;
    n.parked = core::kNoPlace;
    return n;
}

}  // namespace

void remember_work(std::string_view queue, std::string_view kind, int16 priority, int16 alone, Oid role,
                   Key key, int jobs) {
    Note n = blank(NoteKind::work);
    n.id = jobs;
    n.priority = priority;
    n.alone = alone;
    n.role = role;
    n.key = key;
    add_note(n, queue, kind);
}

void remember_counts(std::string_view queue, const QueueDelta& delta, const JobTimes* times) {
    Note n = blank(NoteKind::counts);
    n.delta = delta;
    if (times != nullptr && board_present()) {
        prepare_context();
        n.times = static_cast<JobTimes*>(pg::allocate(sizeof(JobTimes), g_context));
        *n.times = *times;
    }
    add_note(n, queue, {});
}

void remember_request(int64 job_id, bool interrupt) {
    Note n = blank(NoteKind::request);
    n.id = job_id;
    n.interrupt = interrupt;
    add_note(n, {}, {});
}

void remember_end(int64 job_id) {
    if (!board_present()) return;
    prepare_context();
    if (g_end_count == g_end_capacity) {
        const int capacity = g_end_capacity == 0 ? 64 : g_end_capacity * 2;
        auto* bigger =
            static_cast<int64*>(pg::allocate(sizeof(int64) * static_cast<Size>(capacity), g_context));
        if (g_end_count > 0) std::memcpy(bigger, g_ends, sizeof(int64) * static_cast<Size>(g_end_count));
        g_ends = bigger;
        g_end_capacity = capacity;
    }
    g_ends[g_end_count++] = job_id;
}

void remember_lease(int64 job_id, const pg::UuidBytes& token, Instant until, core::Micros length,
                    const uint32 (&keys)[2], uint32 queue) {
    Note n = blank(NoteKind::lease);
    n.place = queue;
    std::copy(std::begin(keys), std::end(keys), n.keys);
    n.id = job_id;
    n.token = token;
    n.until = until;
    n.length = length;
    add_note(n, {}, {});
}

void remember_lease_end(int64 job_id, const pg::UuidBytes& token) {
    Note n = blank(NoteKind::lease_end);
    n.id = job_id;
    n.token = token;
    add_note(n, {}, {});
}

void remember_key(BlockedOn type, std::string_view queue, std::string_view key) {
    Note n = blank(NoteKind::key);
    n.priority = static_cast<int16>(type);
    add_note(n, queue, key);
}

void remember_parked(BlockedOn type, std::string_view queue, std::string_view key,
                     const core::ParkedPlace& place) {
    Note n = blank(NoteKind::key);
    n.priority = static_cast<int16>(type);
    n.alone = 1;
    n.parked = place;
    add_note(n, queue, key);
}

void remember_dependency(int64 job_id) {
    for (int i = g_count - 1; i >= std::max(0, g_count - 4); i--) {
        if (g_notes[i].type == NoteKind::await && g_notes[i].id == job_id) return;
    }
    Note n = blank(NoteKind::await);
    n.id = job_id;
    add_note(n, {}, {});
}

void remember_batch(int64 batch_id) { remember_dependency(-batch_id); }

void watch_transaction() { prepare_context(); }

void remember_expiry(Instant expires_at) {
    Note n = blank(NoteKind::expiry);
    n.id = expires_at.us;
    add_note(n, {}, {});
}

void remember_throttle(std::string_view queue, const core::ThrottlePolicy& policy, Instant now) {
    Note n = blank(NoteKind::throttle);
    n.policy = policy;
    n.until = now;
    add_note(n, queue, {});
}

void remember_settings(std::string_view queue, const QueueSettings& settings) {
    Note n = blank(NoteKind::settings);
    n.settings = settings;
    add_note(n, queue, {});
}

void remember_fire(Instant at) {
    Note n = blank(NoteKind::fire);
    n.id = at.us;
    add_note(n, {}, {});
}

void remember_poke(uint32 bits) {
    prepare_context();
    g_pokes |= bits;
}

void remember_stop() { add_note(blank(NoteKind::stop), {}, {}); }

void remember_launcher() {
    prepare_context();
    g_launcher = true;
}

void remember_kind(std::string_view kind, Oid role) {
    Note n = blank(NoteKind::kind_role);
    n.role = role;
    add_note(n, {}, kind);
    remember_poke(kPokeHandlers);
}

void distrust_heads() noexcept {
    if (!board_present()) return;
    reset_heads(MyDatabaseId);
    if (DatabaseSlot* d = database_slot(MyDatabaseId)) {
        pg_atomic_fetch_add_u32(&d->request_generation, 1);
        pg_atomic_write_u32(&d->requests_open, 1);
        pg_atomic_write_u32(&d->waits_overflow, 1);
    }
    poke_dispatcher(MyDatabaseId, kPokeReread | kPokeRequests | kPokeHandlers | kPokeExpiry | kPokeIdentity |
                                      kPokeQueues | kPokeBlocked | kPokeSchedules | kPokePrepared);
}

// The lock is taken for the session, since a commit callback has no resource owner, and given back at once.
void debug_point(DebugPoint point) noexcept {
    if (!board_present() || (pg_atomic_read_u32(&board().debug_points) & static_cast<uint32>(point)) == 0)
        return;
    LOCKTAG tag;
    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0x666F7265, static_cast<uint32>(point), 2);
    LockAcquire(&tag, ShareLock, true, false);
    LockRelease(&tag, ShareLock, true);
}

}  // namespace foreman::store
