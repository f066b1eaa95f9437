// See permits.hpp.
#include "board/permits.hpp"

#include <algorithm>

#include "board/held_list.hpp"
#include "board/parts.hpp"
#include "board/queue_limits.hpp"
#include "pg/call.hpp"

namespace foreman::board {

namespace {

struct Held {
    uint32 entry;
    int level;  // of the savepoint in which it was taken: rolled back, it gives it back
};
constinit HeldList<Held> g_held;
constinit bool g_keep = false;
constinit bool g_exit_watched = false;

bool is_held(const KeyName& n) noexcept {
    for (const Held& h : g_held) {
        const KeyEntry& e = key_table()[h.entry];
        if (e.type == static_cast<char>(n.type) && std::string_view(e.names, e.queue_len) == n.queue &&
            std::string_view(e.names + e.queue_len, e.key_len) == n.key)
            return true;
    }
    return false;
}

void release_all() noexcept {
    while (!g_held.empty()) give_key(g_held.take_last().entry);
    release_places();
}

extern "C" void foreman_keys_at_exit(int, Datum) { release_all(); }

}  // namespace

Hold hold_key(const KeyName& name, int limit, bool share, uint32* taken) {
    *taken = kNoKeyEntry;
    if (!board_present()) return Hold::yes;
    if (share && is_held(name)) return Hold::yes;
    g_held.reserve_one();
    bool full = false;
    const uint32 entry = take_key(MyDatabaseId, name, limit, &full);
    if (entry == kNoKeyEntry) return full ? Hold::no_room : Hold::in_use;
    g_held.add({entry, GetCurrentTransactionNestLevel()});
    *taken = entry;
    return Hold::yes;
}

void hand_over_key(uint32 entry) noexcept {
    if (Held* mine = g_held.innermost(entry)) g_held.remove(mine);
}

void release_keys() noexcept {
    if (!g_keep || proc_exit_inprogress) release_all();
}

void release_keys_of_level(int level) noexcept {
    for (int i = g_held.size() - 1; i >= 0; i--) {
        if (g_held[i].level < level) continue;
        const uint32 entry = g_held[i].entry;
        g_held.remove(&g_held[i]);
        give_key(entry);
    }
    release_places_of_level(level);
}

void hand_keys_to_parent(int level) noexcept {
    for (Held& h : g_held) h.level = std::min(h.level, level - 1);
    hand_places_to_parent(level);
}

KeepKeys::KeepKeys() {
    if (!g_exit_watched) pg::guarded([] { before_shmem_exit(foreman_keys_at_exit, Datum{0}); });
    g_exit_watched = true;
    g_keep = true;
}

KeepKeys::~KeepKeys() {
    g_keep = false;
    release_all();
}

}  // namespace foreman::board
