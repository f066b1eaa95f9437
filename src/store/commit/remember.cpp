// See remember.hpp: what the callbacks of transactions and subtransactions do with the announcements.
#include "store/commit/remember.hpp"

#include <algorithm>
#include <cstring>

#include "board/debug_points.hpp"
#include "board/feed.hpp"
#include "board/held_list.hpp"
#include "board/leases.hpp"
#include "board/my_slot.hpp"
#include "board/parts.hpp"
#include "board/permits.hpp"
#include "board/queue_limits.hpp"
#include "board/unwritten_leases.hpp"
#include "board/waiters.hpp"
#include "board/waits.hpp"
#include "pg/memory.hpp"
#include "store/commit/announcements.hpp"

namespace foreman::store {

namespace {

// Ids of jobs that end in this transaction. An id too many, of a subtransaction that rolled back, wakes somebody
// who looks and waits on.
struct EndedIds {
    int64* ids = nullptr;
    int count = 0;
    int capacity = 0;
    void add(int64 id, MemoryContext context);
};

constinit MemoryContext g_context = nullptr;
constinit Announcements g_announced;
constinit EndedIds g_ended;
constinit uint32 g_pokes = 0;
constinit bool g_launcher = false;
constinit bool g_registered = false;

void EndedIds::add(int64 id, MemoryContext context) {
    if (count == capacity) {
        const int larger = capacity == 0 ? 64 : capacity * 2;
        auto* bigger = static_cast<int64*>(pg::allocate(sizeof(int64) * static_cast<Size>(larger), context));
        if (count > 0) std::memcpy(bigger, ids, sizeof(int64) * static_cast<Size>(count));
        ids = bigger;
        capacity = larger;
    }
    ids[count++] = id;
}

bool anything_to_tell() noexcept {
    bool any = g_ended.count > 0 || g_pokes != 0 || g_launcher;
    g_announced.each_list([&any](auto& list) { any = any || !list.empty(); });
    return any;
}

void forget_all() noexcept {
    g_announced.each_list([](auto& list) { list.forget(); });
    g_ended = {};
    g_pokes = 0;
    g_launcher = false;
    if (g_context != nullptr && !MemoryContextIsEmpty(g_context)) MemoryContextReset(g_context);
}

void tell_all() noexcept {
    if (!board::board_present()) return;
    board::debug_point(board::DebugPoint::before_commit_callback);
    g_announced.each_list([](auto& list) { list.each([](auto& what) { what.tell(); }); });
    // Asked here and not when the job ended: whoever began to wait meanwhile looked before this commit was
    // visible, or is in the table by now.
    const std::span<const int64> ended{g_ended.ids, static_cast<std::size_t>(g_ended.count)};
    if (!ended.empty() && board::anybody_waits()) board::wake_waiters(MyDatabaseId, ended);
    board::tell_ends(MyDatabaseId, core::EndKind::job, ended);
    if (g_pokes != 0) board::poke_dispatcher(MyDatabaseId, g_pokes);
    if (g_launcher) board::poke_launcher(MyDatabaseId);
}

// Before the commit can be seen: whoever ends a lease that it sees must find it on the board, or what the
// lease holds there stays taken.
// false: one that counts under a limit has no room.
bool place_leases() noexcept {
    if (!board::board_present()) return true;
    bool all = true;
    // From the last on, as they are searched for among what this process holds.
    g_announced.leases.each_from_last([&all](LeaseAnnouncement& l) {
        if (!all) return;
        l.placed = board::add_lease(MyDatabaseId, l.job_id, l.token, l.until, l.length, l.keys, l.place);
        if (!l.placed) {
            all = !l.holds_a_limit();
            return;
        }
        board::hand_over_place(l.place);
        for (const uint32 key : l.keys) board::hand_over_key(key);
    });
    return all;
}

// What it holds would be free at the end of the transaction, and one more than allowed would run.
void refuse_unplaced() {
    ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                    errmsg("there is no room for more leases of jobs under a limit"),
                    errhint("Complete or release some, or raise foreman.board_memory.")));
}

void take_leases_back() noexcept {
    g_announced.leases.each([](const LeaseAnnouncement& l) {
        if (l.placed) board::drop_lease(MyDatabaseId, l.job_id, l.token);
    });
}

// What was told to the board at once, by subtransactions of this level and of deeper ones.
void undo_level(int level) noexcept {
    g_announced.unwritten.each_of_level(level, [](const UnwrittenAnnouncement& l) { l.undo(); });
    g_announced.lease_ends.each_of_level(level, [](const LeaseEndAnnouncement& l) { l.undo(); });
}

// A prepared transaction outlives the process that counts its places and keys.
void refuse_to_prepare_limited() {
    bool limited = false;
    g_announced.leases.each(
        [&limited](const LeaseAnnouncement& l) { limited = limited || l.holds_a_limit(); });
    if (limited)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot PREPARE a transaction that has claimed jobs under a limit"),
                        errhint("Commit it, or release what it claimed.")));
}

// Its leases are on the board, which does not hear of its commit.
void refuse_to_prepare_unwritten() {
    if (!g_announced.unwritten.empty())
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot PREPARE a transaction that has claimed jobs"),
                        errhint("Commit it, or claim in a transaction of its own.")));
}

// Nobody would say when the commit of a prepared transaction can be seen: readers of the feed would pass it by.
void refuse_to_prepare_events() {
    if (board::is_appending())
        ereport(
            ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
             errmsg("cannot PREPARE a transaction that has appended events of workflows"),
             errhint("Commit it, or send the input with foreman.signal_workflow(), which appends later.")));
}

extern "C" void foreman_at_transaction_end(XactEvent event, void*) {
    switch (event) {
        case XACT_EVENT_PRE_COMMIT:
            if (!place_leases()) refuse_unplaced();
            break;
        case XACT_EVENT_PRE_PREPARE:
            refuse_to_prepare_limited();
            refuse_to_prepare_unwritten();
            refuse_to_prepare_events();
            break;
        case XACT_EVENT_COMMIT:
            board::end_append();
            if (anything_to_tell()) tell_all();
            forget_all();
            board::release_keys();
            board::slot_transaction(InvalidTransactionId);
            break;
        case XACT_EVENT_ABORT:
            board::end_append();
            take_leases_back();
            undo_level(0);
            forget_all();
            board::release_keys();
            board::slot_transaction(InvalidTransactionId);
            break;
        case XACT_EVENT_PREPARE:
            // Its commit runs no callback: the dispatcher looks for it.
            g_announced.lease_ends.each([](const LeaseEndAnnouncement& l) {
                if (l.settling) board::leave_to_prepared(l.job_id, l.token);
            });
            if (board::board_present() && anything_to_tell())
                board::poke_dispatcher(MyDatabaseId, board::kPokePrepared);
            forget_all();
            board::release_keys();
            board::slot_transaction(InvalidTransactionId);
            break;
        default:
            break;
    }
}

extern "C" void foreman_at_subtransaction_end(SubXactEvent event, SubTransactionId, SubTransactionId, void*) {
    const int level = GetCurrentTransactionNestLevel();
    if (event == SUBXACT_EVENT_ABORT_SUB) {
        undo_level(level);
        g_announced.each_list([level](auto& list) { list.drop_level(level); });
        board::release_keys_of_level(level);
    } else if (event == SUBXACT_EVENT_COMMIT_SUB) {
        g_announced.each_list([level](auto& list) { list.hand_to_parent(level); });
        board::hand_keys_to_parent(level);
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
        g_registered = board::g_ends_watched = true;
    }
}

template <class T>
void announce(AnnouncementList<T>& list, const T& what) {
    prepare_context();
    list.add(what, GetCurrentTransactionNestLevel(), g_context);
}

}  // namespace

void remember_work(std::string_view queue, std::string_view kind, int16 priority, int16 alone, Oid role,
                   core::Key key, int jobs) {
    announce(g_announced.work, {queue, kind, priority, alone, role, key, jobs});
}

void remember_counts(std::string_view queue, const board::QueueDelta& delta, const board::JobTimes* times) {
    board::JobTimes* copy = nullptr;
    if (times != nullptr && board::board_present()) {
        prepare_context();
        copy = static_cast<board::JobTimes*>(pg::allocate(sizeof(board::JobTimes), g_context));
        *copy = *times;
    }
    announce(g_announced.counts, {queue, delta, copy});
}

void remember_workflow_counts(std::string_view type, const board::WorkflowDelta& delta) {
    announce(g_announced.workflow_counts, {type, delta});
}

void remember_workflow_count(std::string_view type, board::WorkflowCount count, int32 n) {
    board::WorkflowDelta delta;
    delta[count] = n;
    remember_workflow_counts(type, delta);
}

void remember_request(int64 job_id, bool interrupt) {
    announce(g_announced.requests, {{}, job_id, interrupt});
}

void remember_end(int64 job_id) {
    if (!board::board_present()) return;
    prepare_context();
    g_ended.add(job_id, g_context);
}

void remember_lease(int64 job_id, const pg::UuidBytes& token, core::Instant until, core::Micros length,
                    const uint32 (&keys)[2], uint32 queue) {
    announce(g_announced.leases, {{}, job_id, token, until, length, {keys[0], keys[1]}, queue, false});
}

void remember_lease_end(int64 job_id, const pg::UuidBytes& token) {
    announce(g_announced.lease_ends, {{}, job_id, token, false});
}

bool settle_unwritten_lease(int64 job_id, const pg::UuidBytes& token, core::Instant* claimed_at) {
    if (!board::is_unwritten(job_id)) return false;
    announce(g_announced.lease_ends, {{}, job_id, token, false});
    // Noted first: memory may be out.
    LeaseEndAnnouncement* mine = g_announced.lease_ends.find_last(1, [](const auto&) { return true; });
    mine->settling = board::begin_settling(job_id, token, claimed_at);
    if (mine->settling) return true;
    g_announced.lease_ends.drop_last();
    return false;
}

board::Took take_unwritten_lease(const RangeOfLease& range, core::Key key, const board::NewLease& lease,
                                 pg::UuidBytes* holder) {
    const UnwrittenAnnouncement* last = g_announced.unwritten.find_last(
        1,
        [&range](const UnwrittenAnnouncement& l) { return l.queue == range.queue && l.kind == range.kind; });
    const bool is_kept = last != nullptr;
    // Noted first: memory may be out.
    announce(g_announced.unwritten,
             {lease.job_id, lease.token, is_kept ? last->queue : range.queue,
              is_kept ? last->kind : range.kind, range.priority, range.alone, is_kept, key});
    const board::Took took = board::take_unwritten(lease, holder);
    if (took != board::Took::yes) g_announced.unwritten.drop_last();
    return took;
}

void give_last_unwritten_back() {
    g_announced.unwritten.find_last(1, [](const auto&) { return true; })->undo();
    g_announced.unwritten.drop_last();
}

void remember_written(int64 job_id, const pg::UuidBytes& token) {
    announce(g_announced.written, {{}, job_id, token});
}

void remember_key(core::BlockedOn type, std::string_view queue, std::string_view key) {
    announce(g_announced.keys, {type, false, queue, key, core::kNoPlace});
}

void remember_parked(core::BlockedOn type, std::string_view queue, std::string_view key,
                     const core::ParkedPlace& place) {
    announce(g_announced.keys, {type, true, queue, key, place});
}

void remember_awaited(core::EndId end) {
    constexpr int kLooks = 4;  // many dependants of one job come one after another
    const auto is_it = [end](const AwaitAnnouncement& a) { return a.end == end; };
    if (g_announced.awaits.find_last(kLooks, is_it) == nullptr) announce(g_announced.awaits, {{}, end});
}

void watch_transaction() { prepare_context(); }

void remember_expiry(core::Instant expires_at) {
    announce(g_announced.dues, {&board::DatabaseSlot::next_expiry, board::kPokeExpiry, expires_at});
}

void remember_throttle(std::string_view queue, const core::ThrottlePolicy& policy, core::Instant now) {
    announce(g_announced.throttles, {queue, policy, now});
}

void remember_settings(std::string_view queue, const board::QueueSettings& settings) {
    announce(g_announced.settings, {{}, queue, settings});
}

void remember_fire(core::Instant at) {
    announce(g_announced.dues, {&board::DatabaseSlot::next_fire, board::kPokeSchedules, at});
}

void remember_poke(uint32 bits) {
    prepare_context();
    g_pokes |= bits;
}

void remember_stop() { announce(g_announced.stops, {}); }

void remember_launcher() {
    prepare_context();
    g_launcher = true;
}

void remember_kind(std::string_view kind, Oid role) {
    announce(g_announced.kinds, {{}, kind, role});
    remember_poke(board::kPokeHandlers);
}

void distrust_heads() noexcept {
    if (!board::board_present()) return;
    board::reset_heads(MyDatabaseId);
    if (board::DatabaseSlot* d = board::database_slot(MyDatabaseId)) {
        pg_atomic_fetch_add_u32(&d->request_generation, 1);
        pg_atomic_write_u32(&d->requests_open, 1);
        pg_atomic_write_u32(&d->waits_overflow, 1);
    }
    board::poke_dispatcher(MyDatabaseId, board::kPokeReread | board::kPokeRequests | board::kPokeHandlers |
                                             board::kPokeExpiry | board::kPokeIdentity | board::kPokeQueues |
                                             board::kPokeBlocked | board::kPokeSchedules |
                                             board::kPokePrepared);
}

}  // namespace foreman::store
