// See rotation.hpp.
#include "board/rotation.hpp"

#include <algorithm>

#include "board/parts.hpp"
#include "core/rotation.hpp"
#include "pg/datum.hpp"

namespace foreman::board {

namespace {

Demand* find_demand(Oid database, Oid role) noexcept {
    for (auto& d : board().demands) {
        if (d.database == database && d.role == role) return &d;
    }
    return nullptr;
}

// Demands of databases without a dispatcher would block everybody else.
const Demand* oldest_demand_locked() noexcept {
    const Demand* oldest = nullptr;
    for (auto& d : board().demands) {
        if (d.database == InvalidOid) continue;
        const DatabaseSlot* db = database_slot(d.database);
        if (db == nullptr || db->pid == 0) {
            d.database = InvalidOid;
            continue;
        }
        if (oldest == nullptr || d.since < oldest->since) oldest = &d;
    }
    return oldest;
}

// The executors and demands as core/rotation.hpp wants them.
struct Standings {
    core::Holder holders[kMaxSlots];
    int index[kMaxSlots];
    std::size_t holder_count = 0;
    core::Demand demands[kMaxDemands];
    std::size_t demand_count = 0;
    int leaving = 0;
    std::span<const core::Holder> held() const noexcept { return {holders, holder_count}; }
    std::span<const core::Demand> wanted() const noexcept { return {demands, demand_count}; }
};

void read_standings_locked(Standings* out) noexcept {
    for (int i = 0; i < kMaxSlots; i++) {
        ExecutorSlot& s = board().slots[i];
        const SlotState st = state_of(s);
        if (st == SlotState::free || st == SlotState::dead) continue;
        if (pg_atomic_read_u32(&s.leave) != 0) {
            out->leaving++;
            continue;
        }
        out->index[out->holder_count] = i;
        out->holders[out->holder_count++] = {s.database, s.role, st == SlotState::idle, Instant{s.since},
                                             Instant{s.tenure_since}};
    }
    for (const auto& d : board().demands) {
        if (d.database != InvalidOid)
            out->demands[out->demand_count++] = {d.database, d.role, Instant{d.since}};
    }
}

bool ask_holder_to_leave(const Standings& standings, int who) noexcept {
    if (who == core::kNobody) return false;
    ExecutorSlot& s = board().slots[standings.index[who]];
    pg_atomic_write_u32(&s.leave, 1);
    set_latch(s.pid, s.procno);
    return true;
}

void ask_one_to_leave_locked() noexcept {
    Standings all;
    read_standings_locked(&all);
    (void)ask_holder_to_leave(all,
                              core::choose_leaver(all.held(), all.wanted(), all.leaving, pg::steady_now()));
}

}  // namespace

void read_demands(Oid database, OwnDemands* out) noexcept {
    const PartGuard guard(BoardLock::directory, LW_SHARED);
    for (const auto& d : board().demands) {
        if (d.database == database) out->push_back({d.role, Instant{d.since}, false});
    }
    std::sort(out->begin(), out->end(),
              [](const OwnDemand& a, const OwnDemand& b) { return a.role < b.role; });
}

void forget_demand(Oid database, Oid role) noexcept {
    const PartGuard guard(BoardLock::directory, LW_EXCLUSIVE);
    forget_demand_locked(database, role);
    serve_oldest_demand_locked();
}

void forget_demands(Oid database) noexcept {
    const auto is_ours = [database](const Demand& d) { return d.database == database; };
    const PartGuard guard(BoardLock::directory, LW_EXCLUSIVE);
    if (std::none_of(std::begin(board().demands), std::end(board().demands), is_ours)) return;
    for (auto& d : board().demands) {
        if (is_ours(d)) d.database = InvalidOid;
    }
    serve_oldest_demand_locked();
}

bool is_turn_of_locked(Oid database, Oid role) noexcept {
    const Demand* oldest = oldest_demand_locked();
    return oldest == nullptr || (oldest->database == database && oldest->role == role);
}

// The dispatcher of this database serves its own demands by their age: it is not told of them.
void remember_demand_locked(Oid database, Oid role, bool full) noexcept {
    if (find_demand(database, role) == nullptr) {
        for (auto& d : board().demands) {
            if (d.database != InvalidOid) continue;
            d.role = role;
            d.since = pg::steady_now().us;
            d.database = database;
            break;
        }
    }
    if (full) {
        ask_one_to_leave_locked();
    } else if (const Demand* oldest = oldest_demand_locked();
               oldest != nullptr && oldest->database != database) {
        poke_dispatcher(oldest->database, kPokeExecutor);
    }
}

void forget_demand_locked(Oid database, Oid role) noexcept {
    if (Demand* d = find_demand(database, role)) d->database = InvalidOid;
}

void serve_oldest_demand_locked() noexcept {
    if (const Demand* d = oldest_demand_locked()) poke_dispatcher(d->database, kPokeExecutor);
}

Others others_do(Oid database, Oid role) noexcept {
    const int64 now = GetCurrentTimestamp();
    Others found = Others::none;
    for (auto& s : board().slots) {
        const SlotState st = state_of(s);
        if (st == SlotState::free || st == SlotState::dead || (s.database == database && s.role == role))
            continue;
        const bool just = s.since > now - core::kMinIdle.us && s.since <= now;
        found = std::max(found, st != SlotState::idle ? Others::busy
                                : just                ? Others::just_idle
                                                      : Others::idle);
    }
    return found;
}

bool want_room(DatabaseSlot& d) noexcept {
    if (pg_atomic_read_u32(&d.wants_room) != 0) return false;
    pg_atomic_write_u32(&d.wants_room, 1);
    pg_atomic_write_u32(&board().wants_room, 1);
    pg_memory_barrier();
    return true;
}

void tell_who_wants_room() noexcept {
    if (pg_atomic_read_u32(&board().wants_room) == 0) return;
    pg_atomic_write_u32(&board().wants_room, 0);
    pg_memory_barrier();
    for (auto& d : board().databases) {
        if (d.database != InvalidOid && pg_atomic_exchange_u32(&d.wants_room, 0) != 0)
            poke_dispatcher(d.database, kPokeDue);
    }
}

Instant make_room(Oid database, Oid role, Instant now, Instant steady) noexcept {
    if (DatabaseSlot* d = database_slot(database)) (void)want_room(*d);
    const PartGuard guard(BoardLock::directory, LW_EXCLUSIVE);
    Standings all;
    read_standings_locked(&all);
    if (ask_holder_to_leave(
            all, core::choose_idle_leaver(all.held(), all.wanted(), all.leaving, database, role, now)))
        return core::kPlusInfinity;
    return others_do(database, role) >= Others::just_idle ? steady + core::kMinIdle : core::kPlusInfinity;
}

}  // namespace foreman::board
