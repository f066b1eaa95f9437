// See waits_board.hpp. One LWLock for both tables. It may be taken while the leases' lock is held, not the
// other way round.
#include "board/waits.hpp"

#include <algorithm>
#include <cstring>

#include "board/parts.hpp"

namespace foreman::board {

namespace {

// An entry to give away is looked for among so many.
constexpr uint32 kLooks = 128;

uint32 hash_key(Oid database, const KeyName& n) noexcept {
    const auto* q = reinterpret_cast<const unsigned char*>(n.queue.data());
    const auto* k = reinterpret_cast<const unsigned char*>(n.key.data());
    uint32 h = hash_combine(hash_bytes(q, static_cast<int>(n.queue.size())),
                            hash_bytes(k, static_cast<int>(n.key.size())));
    return hash_combine(h, database + static_cast<uint32>(n.type));
}

std::string_view queue_of(const KeyEntry& e) noexcept { return {e.names, e.queue_len}; }
std::string_view key_of(const KeyEntry& e) noexcept { return {e.names + e.queue_len, e.key_len}; }

uint32 find_key(Oid database, const KeyName& n, uint32 hash) noexcept {
    return key_index().find(hash, [&](uint32 i) {
        const KeyEntry& e = key_table()[i];
        return e.hash == hash && e.database == database && e.type == static_cast<char>(n.type) &&
               queue_of(e) == n.queue && key_of(e) == n.key;
    });
}

template <class Entry>
void append_hint(HintList* list, Entry* table, uint32 i) noexcept {
    table[i].hinted = true;
    table[i].hint = {list->last, kNoIndex};
    (list->last == kNoIndex ? list->first : table[list->last].hint.after) = i;
    list->last = i;
}

template <class Entry>
void remove_hint(HintList* list, Entry* table, uint32 i) noexcept {
    const HintLink link = table[i].hint;
    (link.before == kNoIndex ? list->first : table[link.before].hint.after) = link.after;
    (link.after == kNoIndex ? list->last : table[link.after].hint.before) = link.before;
    table[i].hinted = false;
}

void overflow(Oid database) noexcept {
    if (DatabaseSlot* d = database_slot(database)) pg_atomic_write_u32(&d->waits_overflow, 1);
}

void unlink_key_locked(uint32 i) noexcept {
    KeyEntry& e = key_table()[i];
    key_index().unchain(i, e.hash);
    e.database = InvalidOid;
    count_entries(BoardTable::keys, -1);
}

// Makes room in a full table: a key that only has parked jobs goes. From then on every key of its database
// that is given back is looked at, whether it is known to have parked jobs or not.
uint32 evict_key_locked() noexcept {
    Board& b = board();
    const uint32 high = key_index().high();
    for (uint32 looked = 0; looked < std::min(kLooks, high); looked++) {
        const uint32 i = b.key_hand;
        b.key_hand = (i + 1) % high;
        const KeyEntry& e = key_table()[i];
        if (e.database == InvalidOid || e.running > 0 || e.hinted) continue;
        if (DatabaseSlot* d = database_slot(e.database)) pg_atomic_write_u32(&d->waits_off_board, 1);
        unlink_key_locked(i);
        return i;
    }
    return kNoIndex;
}

// Keys with parked jobs, or ends that somebody waits for, are missing on the board.
bool waits_off_board(Oid database) noexcept {
    DatabaseSlot* d = database_slot(database);
    return d != nullptr && pg_atomic_read_u32(&d->waits_off_board) != 0;
}

uint32 add_key_locked(Oid database, const KeyName& n, uint32 hash) noexcept {
    uint32 i = key_index().take();
    if (i == kNoIndex) i = evict_key_locked();
    if (i == kNoIndex) {
        refuse_entry(BoardTable::keys);
        overflow(database);
        return kNoIndex;
    }
    count_entries(BoardTable::keys, 1);
    KeyEntry& e = key_table()[i];
    e.hash = hash;
    e.database = database;
    e.type = static_cast<char>(n.type);
    e.running = 0;
    e.parked = e.hinted = false;
    e.queue_len = static_cast<uint16>(n.queue.size());
    e.key_len = static_cast<uint16>(n.key.size());
    n.queue.copy(e.names, n.queue.size());
    n.key.copy(e.names + n.queue.size(), n.key.size());
    key_index().chain(i, hash);
    return i;
}

void drop_if_unused_locked(uint32 i) noexcept {
    KeyEntry& e = key_table()[i];
    if (e.running > 0 || e.parked || e.hinted) return;
    unlink_key_locked(i);
    key_index().give_back(i);
}

// Without a slot there is no dispatcher, and the first one looks at all rows.
void hint_key_locked(uint32 i) noexcept {
    DatabaseSlot* d = database_slot(key_table()[i].database);
    if (d != nullptr && !key_table()[i].hinted) append_hint(&d->key_hints, key_table(), i);
}

// false: it is one already.
bool hint_end_locked(uint32 i) noexcept {
    DatabaseSlot* d = database_slot(awaited_table()[i].database);
    if (d == nullptr || awaited_table()[i].hinted) return false;
    append_hint(&d->end_hints, awaited_table(), i);
    return true;
}

uint32 take_entry_locked(uint32 i, int limit, Oid role) noexcept {
    KeyEntry& e = key_table()[i];
    if (e.running >= limit) return kNoKeyEntry;
    if (e.running == 0) {
        e.role = role;
        count_share(board().key_shares, role, 1);
    }
    e.running++;
    return i;
}

void mark_parked(KeyEntry& e, const ParkedPlace& place) noexcept {
    if (!e.parked) e.places = {core::kNoPlace, core::kNoPlace};
    core::lower(e.places, place);
    e.parked = true;
}

// false: no job is parked behind it.
bool note_key(Oid database, const KeyName& name, bool parked, const ParkedPlace& place) noexcept {
    const uint32 hash = hash_key(database, name);
    const PartGuard guard(BoardLock::waits, LW_EXCLUSIVE);
    uint32 i = find_key(database, name, hash);
    const bool may_be = parked || (i != kNoIndex && key_table()[i].parked) || waits_off_board(database);
    if (!may_be) return false;
    if (i == kNoIndex) i = add_key_locked(database, name, hash);
    if (i == kNoIndex) return true;
    KeyEntry& e = key_table()[i];
    if (parked) mark_parked(e, place);
    if (!e.parked) mark_parked(e, core::kFirstPlace);
    hint_key_locked(i);
    return true;
}

uint32 hash_end(Oid database, EndId end) noexcept {
    return hash_combine(hash_bytes(reinterpret_cast<const unsigned char*>(&end.id), sizeof(end.id)),
                        database + static_cast<uint32>(end.kind));
}

uint32 find_end(Oid database, EndId end) noexcept {
    return awaited_index().find(hash_end(database, end), [=](uint32 i) {
        return awaited_table()[i].end() == end && awaited_table()[i].database == database;
    });
}

void unlink_end_locked(uint32 i) noexcept {
    AwaitedEntry& e = awaited_table()[i];
    awaited_index().unchain(i, hash_end(e.database, e.end()));
    e.database = InvalidOid;
    count_entries(BoardTable::awaited, -1);
}

// Makes room in a full table: one that is no hint goes, looked for from a place that the new id decides. From
// then on every end in its database is looked at, whether somebody is known to wait for it or not.
uint32 evict_end_locked(uint32 start) noexcept {
    const uint32 high = awaited_index().high();
    for (uint32 looked = 0; looked < std::min(kLooks, high); looked++) {
        const uint32 i = (start + looked) % high;
        const AwaitedEntry& e = awaited_table()[i];
        if (e.database == InvalidOid || e.hinted) continue;
        if (DatabaseSlot* d = database_slot(e.database)) pg_atomic_write_u32(&d->waits_off_board, 1);
        unlink_end_locked(i);
        return i;
    }
    return kNoIndex;
}

uint32 add_end_locked(Oid database, EndId end) noexcept {
    uint32 i = awaited_index().take();
    if (i == kNoIndex) {
        refuse_entry(BoardTable::awaited);
        i = evict_end_locked(hash_end(database, end));
    }
    if (i == kNoIndex) {
        overflow(database);
        return i;
    }
    AwaitedEntry& e = awaited_table()[i];
    e.database = database;
    e.id = end.id;
    e.kind = end.kind;
    e.hinted = false;
    awaited_index().chain(i, hash_end(database, end));
    count_entries(BoardTable::awaited, 1);
    return i;
}

void note_await(Oid database, EndId end) noexcept {
    const PartGuard guard(BoardLock::waits, LW_EXCLUSIVE);
    uint32 i = find_end(database, end);
    if (i == kNoIndex) i = add_end_locked(database, end);
    if (i != kNoIndex) hint_end_locked(i);
}

}  // namespace

uint32 take_key(Oid database, const KeyName& name, int limit, bool* no_room) noexcept {
    const uint32 hash = hash_key(database, name);
    const Oid role = role_of_session();
    const PartGuard guard(BoardLock::waits, LW_EXCLUSIVE);
    uint32 i = find_key(database, name, hash);
    *no_room = false;
    if (i == kNoIndex || key_table()[i].running == 0) {
        *no_room = !has_room(board().key_shares, role, board().keys.capacity);
        if (*no_room) refuse_entry(BoardTable::keys);
        if (*no_room) return kNoKeyEntry;
    }
    if (i == kNoIndex) i = add_key_locked(database, name, hash);
    *no_room = i == kNoIndex;
    return *no_room ? kNoKeyEntry : take_entry_locked(i, limit, role);
}

uint32 take_key_anyhow(Oid database, const KeyName& name) noexcept {
    const uint32 hash = hash_key(database, name);
    const PartGuard guard(BoardLock::waits, LW_EXCLUSIVE);
    uint32 i = find_key(database, name, hash);
    if (i == kNoIndex) i = add_key_locked(database, name, hash);
    return i == kNoIndex ? kNoKeyEntry : take_entry_locked(i, PG_INT32_MAX, InvalidOid);
}

void give_key(uint32 entry) noexcept {
    if (entry == kNoKeyEntry) return;
    Oid to_poke = InvalidOid;
    {
        const PartGuard guard(BoardLock::waits, LW_EXCLUSIVE);
        KeyEntry& e = key_table()[entry];
        e.running--;
        if (e.running == 0) count_share(board().key_shares, e.role, -1);
        if (!e.parked && waits_off_board(e.database)) mark_parked(e, core::kFirstPlace);
        if (e.parked) {
            hint_key_locked(entry);
            to_poke = e.database;
        }
        drop_if_unused_locked(entry);
    }
    if (to_poke != InvalidOid) poke_dispatcher(to_poke, kPokeBlocked);
}

int key_running(Oid database, const KeyName& name) noexcept {
    const PartGuard guard(BoardLock::waits, LW_SHARED);
    const uint32 i = find_key(database, name, hash_key(database, name));
    return i == kNoIndex ? 0 : key_table()[i].running;
}

void hint_key(Oid database, const KeyName& name, bool parked, const ParkedPlace& place) noexcept {
    if (note_key(database, name, parked, place)) poke_dispatcher(database, kPokeBlocked);
}

void trust_keys(Oid database) noexcept {
    if (DatabaseSlot* d = database_slot(database)) pg_atomic_write_u32(&d->waits_off_board, 0);
}

void know_key(Oid database, const KeyName& name) noexcept {
    note_key(database, name, true, core::kFirstPlace);
}

ParkedPlace begin_key_raise(Oid database, const KeyName& name) noexcept {
    const PartGuard guard(BoardLock::waits, LW_EXCLUSIVE);
    const uint32 i = find_key(database, name, hash_key(database, name));
    return i == kNoIndex || !key_table()[i].parked ? core::kFirstPlace
                                                   : core::begin_raise(key_table()[i].places);
}

void finish_key_raise(Oid database, const KeyName& name, const ParkedPlace& first_seen) noexcept {
    const PartGuard guard(BoardLock::waits, LW_EXCLUSIVE);
    const uint32 i = find_key(database, name, hash_key(database, name));
    if (i != kNoIndex && key_table()[i].parked) core::finish_raise(key_table()[i].places, first_seen);
}

bool take_key_hint(Oid database, HintOrder order, KeyHint* out) noexcept {
    DatabaseSlot* d = database_slot(database);
    if (d == nullptr || d->key_hints.first == kNoIndex) return false;
    const PartGuard guard(BoardLock::waits, LW_EXCLUSIVE);
    const uint32 i = order == HintOrder::newest ? d->key_hints.last : d->key_hints.first;
    if (i == kNoIndex) return false;
    remove_hint(&d->key_hints, key_table(), i);
    const KeyEntry& e = key_table()[i];
    out->type = static_cast<BlockedOn>(e.type);
    set_name(&out->queue, queue_of(e));
    set_name(&out->key, key_of(e));
    return true;
}

void key_is_clear(Oid database, const KeyName& name) noexcept {
    const PartGuard guard(BoardLock::waits, LW_EXCLUSIVE);
    const uint32 i = find_key(database, name, hash_key(database, name));
    if (i == kNoIndex || key_table()[i].hinted) return;
    key_table()[i].parked = false;
    drop_if_unused_locked(i);
}

void await_end(Oid database, EndId end) noexcept {
    note_await(database, end);
    poke_dispatcher(database, kPokeBlocked);
}

void tell_ends(Oid database, EndKind kind, std::span<const int64> ids) noexcept {
    if (ids.empty() || pg_atomic_read_u32(&table_use(BoardTable::awaited).used) == 0) return;
    bool any = false;
    {
        const bool unknown = waits_off_board(database);
        const PartGuard guard(BoardLock::waits, LW_EXCLUSIVE);
        for (const int64 id : ids) {
            uint32 i = find_end(database, {kind, id});
            if (i == kNoIndex && unknown) {
                i = add_end_locked(database, {kind, id});
                any = true;
            }
            if (i != kNoIndex && hint_end_locked(i)) any = true;
        }
    }
    if (any) poke_dispatcher(database, kPokeBlocked);
}

bool take_end_hint(Oid database, HintOrder order, EndId* end) noexcept {
    DatabaseSlot* d = database_slot(database);
    if (d == nullptr || d->end_hints.first == kNoIndex) return false;
    const PartGuard guard(BoardLock::waits, LW_EXCLUSIVE);
    const uint32 i = order == HintOrder::newest ? d->end_hints.last : d->end_hints.first;
    if (i == kNoIndex) return false;
    remove_hint(&d->end_hints, awaited_table(), i);
    *end = awaited_table()[i].end();
    return true;
}

void forget_end(Oid database, EndId end) noexcept {
    const PartGuard guard(BoardLock::waits, LW_EXCLUSIVE);
    const uint32 i = find_end(database, end);
    if (i == kNoIndex || awaited_table()[i].hinted) return;  // a hint came meanwhile: once more
    unlink_end_locked(i);
    awaited_index().give_back(i);
}

void clear_waits(Oid database) noexcept {
    const PartGuard guard(BoardLock::waits, LW_EXCLUSIVE);
    if (DatabaseSlot* d = database_slot(database)) d->key_hints = d->end_hints = {};
    for (uint32 i = 0; i < key_index().high(); i++) {
        KeyEntry& e = key_table()[i];
        if (e.database != database) continue;
        if (e.running > 0) count_share(board().key_shares, e.role, -1);
        e.running = 0;
        e.parked = e.hinted = false;
        drop_if_unused_locked(i);
    }
    for (uint32 i = 0; i < awaited_index().high(); i++) {
        if (awaited_table()[i].database != database) continue;
        awaited_table()[i].hinted = false;
        unlink_end_locked(i);
        awaited_index().give_back(i);
    }
}

}  // namespace foreman::board
