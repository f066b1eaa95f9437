// See unwritten_leases.hpp.
#include "board/unwritten_leases.hpp"

#include <algorithm>
#include <cstring>

#include "board/lease_entries.hpp"
#include "board/queue_limits.hpp"
#include "board/slots.hpp"

namespace foreman::board {

namespace {

// The entry of an unwritten lease of this database with this token.
LeaseEntry* find_mine(int64 job_id, const pg::UuidBytes& token) noexcept {
    LeaseEntry* e = find_lease_entry(MyDatabaseId, job_id);
    return e != nullptr && e->unwritten && has_token(*e, token) ? e : nullptr;
}

void read_entry(const LeaseEntry& e, UnwrittenLease* out) noexcept {
    out->job_id = e.job_id;
    std::memcpy(out->token.bytes.data(), e.token, sizeof(e.token));
    out->claimed_at = Instant{e.claimed_at};
    out->until = Instant{e.leased_until};
    out->length = core::Micros{e.length_us};
    out->queue = e.queue;
    out->prepared = e.prepared;
    out->has_progress = e.has_progress;
    out->progress = e.progress;
    out->note_len = e.note_len;
    out->worker_len = e.worker_len;
    std::memcpy(out->note, e.note, e.note_len);
    std::memcpy(out->worker, e.worker, e.worker_len);
}

bool is_mine(const LeaseEntry& e) noexcept { return e.database == MyDatabaseId && e.unwritten; }

uint32 count_unwritten() noexcept {
    DatabaseSlot* d = board_present() ? database_slot(MyDatabaseId) : nullptr;
    return d == nullptr ? 0 : pg_atomic_read_u32(&d->unwritten_leases);
}

}  // namespace

Took take_unwritten(const NewLease& lease, pg::UuidBytes* holder) noexcept {
    const Oid role = role_of_session();
    const PartGuard guard(BoardLock::leases, LW_EXCLUSIVE);
    if (const LeaseEntry* held = find_lease_entry(MyDatabaseId, lease.job_id)) {
        std::memcpy(holder->bytes.data(), held->token, sizeof(held->token));
        return held->unwritten ? Took::held : Took::held_in_row;
    }
    DatabaseSlot* d = database_slot(MyDatabaseId);
    LeaseEntry* e = d == nullptr ? nullptr : add_lease_entry(MyDatabaseId, lease.job_id, role, false);
    if (e == nullptr) return Took::no_room;
    std::memcpy(e->token, lease.token.bytes.data(), sizeof(e->token));
    e->claimed_at = e->renewed_at = lease.claimed_at.us;
    e->length_us = lease.length.us;
    e->leased_until = core::saturating_add(lease.claimed_at.us, lease.length.us);
    e->unwritten = e->open = true;
    e->place = lease.place;
    e->worker_len = static_cast<uint8>(lease.worker.size());
    lease.worker.copy(e->worker, lease.worker.size());
    pg_atomic_fetch_add_u32(&d->unwritten_leases, 1);
    return Took::yes;
}

void give_place_to_lease(int64 job_id, uint32 queue) noexcept {
    const PartGuard guard(BoardLock::leases, LW_EXCLUSIVE);
    if (LeaseEntry* e = find_lease_entry(MyDatabaseId, job_id)) e->queue = queue;
}

void close_unwritten(int64 job_id, const pg::UuidBytes& token) noexcept {
    Instant due{};
    Instant until{};
    {
        const PartGuard guard(BoardLock::leases, LW_EXCLUSIVE);
        LeaseEntry* e = find_mine(job_id, token);
        if (e == nullptr) return;
        e->open = false;
        due = Instant{e->claimed_at} + kWrittenAfter;
        until = Instant{e->leased_until};
    }
    DatabaseSlot* d = database_slot(MyDatabaseId);
    // A lease that ends before it would be written is written then, and revived.
    due = std::min(due, until);
    if (d != nullptr && d->next_lease_write.lower(due) && due < d->next_wake.read())
        poke_dispatcher(MyDatabaseId, kPokeLeases);
}

bool any_unwritten() noexcept { return count_unwritten() > 0; }

bool is_unwritten(int64 job_id) noexcept {
    if (!any_unwritten()) return false;
    const PartGuard guard(BoardLock::leases, LW_SHARED);
    const LeaseEntry* e = find_lease_entry(MyDatabaseId, job_id);
    return e != nullptr && e->unwritten;
}

bool is_unwritten_at(int64 job_id, ItemPointerData place) noexcept {
    if (!any_unwritten()) return false;
    const PartGuard guard(BoardLock::leases, LW_SHARED);
    const LeaseEntry* e = find_lease_entry(MyDatabaseId, job_id);
    return e != nullptr && e->unwritten && ItemPointerEquals(const_cast<ItemPointerData*>(&e->place), &place);
}

bool read_unwritten(int64 job_id, UnwrittenLease* out) noexcept {
    if (!any_unwritten()) return false;
    const PartGuard guard(BoardLock::leases, LW_SHARED);
    const LeaseEntry* e = find_lease_entry(MyDatabaseId, job_id);
    if (e == nullptr || !e->unwritten) return false;
    read_entry(*e, out);
    return true;
}

void list_unwritten(pg::vector<UnwrittenLease>* out) {
    // The lock is held without allocating: room is made before, for some that come meanwhile as well.
    const std::size_t room = count_unwritten();
    if (room == 0) return;
    out->resize(room + room / 8 + 8);
    std::size_t n = 0;
    {
        const PartGuard guard(BoardLock::leases, LW_SHARED);
        for (uint32 i = 0; i < lease_index().high() && n < out->size(); i++) {
            if (is_mine(lease_table()[i])) read_entry(lease_table()[i], &(*out)[n++]);
        }
    }
    out->resize(n);
}

void jobs_held_on_board(pg::vector<int64>* ids) {
    jobs_of_executors(ids);
    pg::vector<UnwrittenLease> leases(ids->get_allocator());
    list_unwritten(&leases);
    for (const UnwrittenLease& l : leases) ids->push_back(l.job_id);
}

bool begin_settling(int64 job_id, const pg::UuidBytes& token, Instant* claimed_at) noexcept {
    if (!any_unwritten()) return false;
    const PartGuard guard(BoardLock::leases, LW_EXCLUSIVE);
    LeaseEntry* e = find_mine(job_id, token);
    if (e == nullptr || e->settling == PG_UINT8_MAX) return false;
    e->settling++;
    *claimed_at = Instant{e->claimed_at};
    return true;
}

void stop_settling(int64 job_id, const pg::UuidBytes& token) noexcept {
    const PartGuard guard(BoardLock::leases, LW_EXCLUSIVE);
    LeaseEntry* e = find_lease_entry(MyDatabaseId, job_id);
    if (e != nullptr && has_token(*e, token) && e->settling > 0) e->settling--;
}

void leave_to_prepared(int64 job_id, const pg::UuidBytes& token) noexcept {
    {
        const PartGuard guard(BoardLock::leases, LW_EXCLUSIVE);
        LeaseEntry* e = find_mine(job_id, token);
        if (e == nullptr) return;
        e->prepared = true;
        if (e->settling > 0) e->settling--;
    }
    if (DatabaseSlot* d = database_slot(MyDatabaseId)) d->next_lease_write.lower(core::kMinusInfinity);
}

void leases_to_write(Instant before, std::size_t max, pg::vector<UnwrittenLease>* out, Instant* next) {
    *next = core::kPlusInfinity;
    // At the end of the dispatcher `max` is the whole table.
    const std::size_t room = std::min<std::size_t>(max, count_unwritten());
    if (room == 0) return;
    out->resize(room);
    std::size_t n = 0;
    {
        const PartGuard guard(BoardLock::leases, LW_SHARED);
        for (uint32 i = 0; i < lease_index().high(); i++) {
            const LeaseEntry& e = lease_table()[i];
            // What is open or being settled is due again by its own end, or by the next look.
            if (!is_mine(e) || e.open) continue;
            const bool is_due =
                e.prepared || e.claimed_at <= before.us || e.leased_until <= (before + kWrittenAfter).us;
            if (is_due && e.settling == 0 && n < room) {
                read_entry(e, &(*out)[n++]);
            } else {
                const Instant due = std::min(Instant{e.claimed_at} + kWrittenAfter, Instant{e.leased_until});
                *next = std::min(*next, due);
            }
        }
    }
    out->resize(n);
}

bool may_be_written(int64 job_id, const pg::UuidBytes& token) noexcept {
    const PartGuard guard(BoardLock::leases, LW_SHARED);
    const LeaseEntry* e = find_mine(job_id, token);
    return e != nullptr && !e->open && e->settling == 0;
}

void mark_written(int64 job_id, const pg::UuidBytes& token) noexcept {
    int64 until = 0;
    {
        const PartGuard guard(BoardLock::leases, LW_EXCLUSIVE);
        LeaseEntry* e = find_mine(job_id, token);
        if (e == nullptr) return;
        forget_unwritten(e);
        until = e->leased_until;
    }
    lower_next_lease_end(MyDatabaseId, until);
}

}  // namespace foreman::board
