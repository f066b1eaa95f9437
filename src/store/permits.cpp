// See permits.hpp.
#include "store/permits.hpp"

#include "pg/call.hpp"
#include "store/board_parts.hpp"
#include "store/queue_limits.hpp"
#include "store/remember.hpp"

namespace foreman::store {

namespace {

constexpr int kMaxHeld = 1024;

constinit uint32 g_held[kMaxHeld]{};
constinit int g_count = 0;
constinit bool g_keep = false;
constinit bool g_exit_watched = false;

bool is_held(const KeyName& n) noexcept {
    for (int i = 0; i < g_count; i++) {
        const KeyEntry& e = key_table()[g_held[i]];
        if (e.type == static_cast<char>(n.type) && std::string_view(e.names, e.queue_len) == n.queue &&
            std::string_view(e.names + e.queue_len, e.key_len) == n.key)
            return true;
    }
    return false;
}

void release_all() noexcept {
    while (g_count > 0) give_key(g_held[--g_count]);
    release_places();
}

extern "C" void foreman_keys_at_exit(int, Datum) { release_all(); }

}  // namespace

bool hold_key(const KeyName& name, int limit, bool share, uint32* taken) {
    *taken = kNoKeyEntry;
    if (!board_present()) return true;
    watch_transaction();
    if (share && is_held(name)) return true;
    if (g_count == kMaxHeld) return false;
    const uint32 entry = take_key(MyDatabaseId, name, limit);
    if (entry == kNoKeyEntry) return false;
    g_held[g_count++] = entry;
    *taken = entry;
    return true;
}

void hand_over_key(uint32 entry) noexcept {
    for (int i = 0; i < g_count; i++) {
        if (g_held[i] != entry) continue;
        g_held[i] = g_held[--g_count];
        return;
    }
}

void release_keys() noexcept {
    if (!g_keep || proc_exit_inprogress) release_all();
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

}  // namespace foreman::store
