// See lease_board.hpp. One LWLock for both tables; every scope is a hash probe, or a pass for the dispatcher.
#include "board/leases.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "board/lease_entries.hpp"
#include "board/queue_limits.hpp"
#include "board/waits.hpp"

namespace foreman::board {

namespace {

uint32 hash_lease(Oid database, int64 job_id) noexcept {
    return hash_combine(hash_bytes(reinterpret_cast<const unsigned char*>(&job_id), sizeof(job_id)),
                        database);
}

uint32 find_index(Oid database, int64 job_id) noexcept {
    return lease_index().find(hash_lease(database, job_id), [=](uint32 i) {
        return lease_table()[i].job_id == job_id && lease_table()[i].database == database;
    });
}

// limited: a place or a key counts only with an entry, so that it is given beyond the share of the role.
uint32 take_entry(Oid role, bool limited) noexcept {
    if (!limited && !has_room(board().lease_shares, role, board().leases.capacity)) return kNoIndex;
    return lease_index().take();
}

void give_keys(LeaseEntry& e) noexcept {
    for (uint32& key : e.keys) give_key(std::exchange(key, kNoKeyEntry));
    leave_place(std::exchange(e.queue, kNoIndex));
}

void unlink(uint32 i) noexcept {
    LeaseEntry& e = lease_table()[i];
    give_keys(e);
    forget_unwritten(&e);
    lease_index().unchain(i, hash_lease(e.database, e.job_id));
    e.database = InvalidOid;
    lease_index().give_back(i);
    count_entries(BoardTable::leases, -1);
    count_share(board().lease_shares, e.role, -1);
}

// A lease is a length of time. Where the clock was set back since it was reckoned, what is left stays what it
// was.
void follow_clock(LeaseEntry& e, int64 now) noexcept {
    e.claimed_at = std::min(e.claimed_at, now);
    if (e.renewed_at <= now) return;
    e.leased_until = core::saturating_sub(e.leased_until, e.renewed_at - now);
    e.renewed_at = now;
}

void read_entry(const LeaseEntry& e, LeaseReading* out) noexcept {
    out->job_id = e.job_id;
    std::memcpy(out->token.bytes.data(), e.token, sizeof(e.token));
    out->until = Instant{e.leased_until};
    out->cancel_requested = e.cancel_requested;
    out->has_progress = e.has_progress;
    out->progress = e.progress;
    out->note_len = e.note_len;
    std::memcpy(out->note, e.note, e.note_len);
}

// The worker of this name, or a new entry for it; nullptr: the role has no room for one more.
WorkerEntry* find_worker(Oid database, std::string_view id, Instant now, Oid role) noexcept {
    WorkerEntry* free_one = nullptr;
    uint32 used = 0;
    uint32 mine = 0;
    for (int i = 0; i < kMaxWorkers; i++) {
        WorkerEntry& w = worker_table()[i];
        if (w.database != InvalidOid && w.last_seen + kWorkerSilence.us < now.us) w.database = InvalidOid;
        if (w.database == InvalidOid) {
            if (free_one == nullptr) free_one = &w;
            continue;
        }
        if (w.database == database && name_view(w.id) == id) return &w;
        used++;
        if (w.role == role) mine++;
    }
    if (!core::has_fair_room(mine, used, kMaxWorkers)) {
        refuse_entry(BoardTable::workers);
        return nullptr;
    }
    free_one->database = database;
    free_one->role = InvalidOid;
    free_one->first_seen = now.us;
    set_name(&free_one->id, id);
    return free_one;
}

}  // namespace

LeaseEntry* find_lease_entry(Oid database, int64 job_id) noexcept {
    const uint32 i = find_index(database, job_id);
    return i == kNoIndex ? nullptr : &lease_table()[i];
}

bool has_token(const LeaseEntry& e, const pg::UuidBytes& token) noexcept {
    return std::memcmp(e.token, token.bytes.data(), sizeof(e.token)) == 0;
}

LeaseEntry* add_lease_entry(Oid database, int64 job_id, Oid role, bool limited) noexcept {
    const uint32 i = take_entry(role, limited);
    if (i == kNoIndex) {
        refuse_entry(BoardTable::leases);
        return nullptr;
    }
    count_share(board().lease_shares, role, 1);
    count_entries(BoardTable::leases, 1);
    LeaseEntry* e = &lease_table()[i];
    e->database = database;
    e->job_id = job_id;
    e->role = role;
    e->keys[0] = e->keys[1] = kNoKeyEntry;
    e->queue = kNoIndex;
    e->cancel_requested = e->ending = e->has_progress = e->unwritten = e->open = e->prepared = false;
    e->settling = e->worker_len = 0;
    e->note_len = 0;
    lease_index().chain(i, hash_lease(database, job_id));
    return e;
}

void forget_unwritten(LeaseEntry* e) noexcept {
    if (!e->unwritten) return;
    e->unwritten = e->open = e->prepared = false;
    e->settling = 0;
    if (DatabaseSlot* d = database_slot(e->database)) pg_atomic_fetch_sub_u32(&d->unwritten_leases, 1);
}

void lower_next_lease_end(Oid database, int64 until) noexcept {
    DatabaseSlot* d = database_slot(database);
    if (d == nullptr) return;
    if (d->next_lease_end.lower(Instant{until}) && Instant{until} < d->next_wake.read())
        poke_dispatcher(database, kPokeLeases);
}

uint32 name_hash(std::string_view name) noexcept {
    return hash_bytes(reinterpret_cast<const unsigned char*>(name.data()), static_cast<int>(name.size()));
}

bool add_lease(Oid database, int64 job_id, const pg::UuidBytes& token, Instant until, core::Micros length,
               const uint32 (&keys)[2], uint32 queue) noexcept {
    const bool limited = is_limited(queue) || keys[0] != kNoKeyEntry || keys[1] != kNoKeyEntry;
    {
        const PartGuard guard(BoardLock::leases, LW_EXCLUSIVE);
        LeaseEntry* e = find_lease_entry(database, job_id);
        if (e == nullptr) {
            e = add_lease_entry(database, job_id, role_of_session(), limited);
            if (e == nullptr) {
                look_at_leases_at(database, until);
                return false;
            }
        } else {
            give_keys(*e);
            forget_unwritten(e);
        }
        for (int k = 0; k < 2; k++) e->keys[k] = keys[k];
        e->queue = queue;
        std::memcpy(e->token, token.bytes.data(), sizeof(e->token));
        e->leased_until = until.us;
        e->renewed_at = (until - length).us;
        e->length_us = length.us;
        e->cancel_requested = e->ending = e->has_progress = false;
        e->note_len = 0;
    }
    lower_next_lease_end(database, until.us);
    return true;
}

void drop_lease(Oid database, int64 job_id, const pg::UuidBytes& token) noexcept {
    if (!board_present()) return;
    const PartGuard guard(BoardLock::leases, LW_EXCLUSIVE);
    const uint32 i = find_index(database, job_id);
    if (i != kNoIndex && has_token(lease_table()[i], token)) unlink(i);
}

Beat beat_lease(Oid database, int64 job_id, const pg::UuidBytes& token, Instant now, core::Micros extend,
                const double* progress, std::optional<std::string_view> note) noexcept {
    if (!board_present()) return Beat::unknown;
    const PartGuard guard(BoardLock::leases, LW_EXCLUSIVE);
    LeaseEntry* e = find_lease_entry(database, job_id);
    if (e == nullptr || !has_token(*e, token)) return Beat::unknown;
    if (e->ending) return Beat::lost;
    const int64 length = extend.us > 0 ? extend.us : e->length_us;
    follow_clock(*e, now.us);
    e->renewed_at = now.us;
    e->leased_until = std::max(e->leased_until, core::saturating_add(now.us, length));
    if (progress != nullptr) {
        e->has_progress = true;
        e->progress = *progress;
        e->note_len = 0;  // a note is about the progress that came with it
    }
    if (note) {
        e->note_len = static_cast<uint16>(std::min<std::size_t>(note->size(), kLeaseNoteBytes));
        std::memcpy(e->note, note->data(), e->note_len);
    }
    return e->cancel_requested ? Beat::cancel_requested : Beat::active;
}

bool mark_lease_cancelled(Oid database, int64 job_id) noexcept {
    if (!board_present()) return false;
    const PartGuard guard(BoardLock::leases, LW_EXCLUSIVE);
    LeaseEntry* e = find_lease_entry(database, job_id);
    if (e == nullptr) return false;
    e->cancel_requested = true;
    return true;
}

bool read_lease(Oid database, int64 job_id, LeaseReading* out) noexcept {
    if (!board_present()) return false;
    const PartGuard guard(BoardLock::leases, LW_SHARED);
    const LeaseEntry* e = find_lease_entry(database, job_id);
    if (e == nullptr) return false;
    read_entry(*e, out);
    return true;
}

int name_leases(Oid database, LeaseName* out, int max) noexcept {
    if (!board_present()) return 0;
    const PartGuard guard(BoardLock::leases, LW_SHARED);
    int n = 0;
    for (uint32 i = 0; i < lease_index().high(); i++) {
        const LeaseEntry& e = lease_table()[i];
        // That of an open claim may be of a job which only its transaction sees.
        if (e.database != database || e.open) continue;
        if (n < max) {
            out[n].job_id = e.job_id;
            std::memcpy(out[n].token.bytes.data(), e.token, sizeof(e.token));
        }
        n++;
    }
    return n;
}

int ended_leases(Oid database, Instant now, LeaseReading* out, int max, Instant* next) noexcept {
    *next = core::kPlusInfinity;
    const PartGuard guard(BoardLock::leases, LW_SHARED);
    int n = 0;
    for (uint32 i = 0; i < lease_index().high(); i++) {
        const LeaseEntry& e = lease_table()[i];
        // Unwritten ones are written first.
        if (e.database != database || e.unwritten) continue;
        if (e.leased_until <= now.us && n < max) {
            read_entry(e, &out[n++]);
        } else {
            next->us = std::min(next->us, e.leased_until);
        }
    }
    return n;
}

bool take_leases_off_board(Oid database) noexcept {
    DatabaseSlot* d = database_slot(database);
    return d != nullptr && pg_atomic_exchange_u32(&d->leases_off_board, 0) != 0;
}

void look_at_leases_at(Oid database, Instant at) noexcept {
    if (DatabaseSlot* d = database_slot(database)) pg_atomic_write_u32(&d->leases_off_board, 1);
    lower_next_lease_end(database, at.us);
}

bool begin_rescue(Oid database, int64 job_id, const pg::UuidBytes& token, Instant now) noexcept {
    const PartGuard guard(BoardLock::leases, LW_EXCLUSIVE);
    LeaseEntry* e = find_lease_entry(database, job_id);
    if (e == nullptr || !has_token(*e, token) || e->leased_until > now.us) return false;
    e->ending = true;
    return true;
}

void postpone_lease_end(Oid database, int64 job_id, Instant until) noexcept {
    const PartGuard guard(BoardLock::leases, LW_EXCLUSIVE);
    if (LeaseEntry* e = find_lease_entry(database, job_id))
        e->leased_until = std::max(e->leased_until, until.us);
}

void follow_clock_back(Oid database, Instant now) noexcept {
    const PartGuard guard(BoardLock::leases, LW_EXCLUSIVE);
    for (uint32 i = 0; i < lease_index().high(); i++) {
        if (lease_table()[i].database == database) follow_clock(lease_table()[i], now.us);
    }
    for (int i = 0; i < kMaxWorkers; i++) {
        WorkerEntry& w = worker_table()[i];
        if (w.database != database || w.last_seen <= now.us) continue;
        w.first_seen -= w.last_seen - now.us;
        w.last_seen = now.us;
    }
}

void clear_leases(Oid database) noexcept {
    const PartGuard guard(BoardLock::leases, LW_EXCLUSIVE);
    for (uint32 i = 0; i < lease_index().high(); i++) {
        if (lease_table()[i].database == database) unlink(i);
    }
    for (int i = 0; i < kMaxWorkers; i++) {
        if (worker_table()[i].database == database) worker_table()[i].database = InvalidOid;
    }
}

Announced beat_worker(Oid database, const Announcement& worker, Instant now, Oid* owner) noexcept {
    if (!board_present()) return Announced::full;
    const PartGuard guard(BoardLock::leases, LW_EXCLUSIVE);
    WorkerEntry* w = find_worker(database, worker.id, now, worker.role);
    if (w == nullptr) return Announced::full;
    if (w->role == InvalidOid) w->role = worker.role;
    *owner = w->role;
    if (w->role != worker.role) return Announced::taken;
    w->last_seen = now.us;
    set_name(&w->label, worker.label);
    w->queue_count = static_cast<int32>(std::min<std::size_t>(worker.queues.size(), kMaxWaitedQueues));
    for (int i = 0; i < w->queue_count; i++)
        set_name(&w->queues[i], worker.queues[static_cast<std::size_t>(i)]);
    return Announced::yes;
}

WorkerPlace place_of_worker(Oid database, std::string_view queue, std::string_view id, Instant now) noexcept {
    const PartGuard guard(BoardLock::leases, LW_SHARED);
    const auto declared = [queue](const BoardName& name) { return name_view(name) == queue; };
    WorkerPlace p{};
    for (int i = 0; i < kMaxWorkers; i++) {
        const WorkerEntry& w = worker_table()[i];
        if (w.database != database || w.last_seen + kWorkerSilence.us < now.us) continue;
        if (std::none_of(w.queues, w.queues + w.queue_count, declared)) continue;
        p.workers++;
        if (name_view(w.id) < id) p.before++;
    }
    return p;
}

bool read_worker(int place, Oid database, Instant now, WorkerEntry* out) noexcept {
    const PartGuard guard(BoardLock::leases, LW_SHARED);
    const WorkerEntry& w = worker_table()[place];
    if (w.database != database || w.last_seen + kWorkerSilence.us < now.us) return false;
    *out = w;
    return true;
}

}  // namespace foreman::board
