// See kept_states.hpp.
#include "engine/workflow/kept_states.hpp"

#include <algorithm>
#include <array>

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"

namespace foreman::engine {

namespace {

struct Kept {
    MemoryContext context;  // of the state; nullptr: the entry is free
    int64 instance;
    store::RowVersion version;
    int64 evolve;
    uint64 generation;
    Datum state;
    std::size_t bytes;
    uint64 used;  // the greatest one was used last
};

constexpr std::size_t kMostStates = 64;
constinit std::array<Kept, kMostStates> g_kept{};
constinit std::size_t g_bytes = 0;
constinit uint64 g_uses = 0;

Kept* find(int64 instance) noexcept {
    const auto at = std::find_if(g_kept.begin(), g_kept.end(), [instance](const Kept& k) {
        return k.context != nullptr && k.instance == instance;
    });
    return at == g_kept.end() ? nullptr : &*at;
}

void forget(Kept& k) noexcept {
    g_bytes -= k.bytes;
    MemoryContextDelete(k.context);
    k = {};
}

// The one that was not used for longest; a free one is before all others.
Kept& oldest() noexcept {
    return *std::min_element(g_kept.begin(), g_kept.end(), [](const Kept& a, const Kept& b) {
        return (a.context == nullptr ? 0 : a.used) < (b.context == nullptr ? 0 : b.used);
    });
}

void make_room(std::size_t bytes) noexcept {
    while (g_bytes + bytes > kMostKept) {
        const auto longest = std::min_element(g_kept.begin(), g_kept.end(), [](const Kept& a, const Kept& b) {
            return (a.context == nullptr ? UINT64_MAX : a.used) <
                   (b.context == nullptr ? UINT64_MAX : b.used);
        });
        forget(*longest);
    }
}

}  // namespace

std::optional<Datum> find_kept_state(const store::Instance& instance, int64 evolve, uint64 generation,
                                     MemoryContext context) {
    Kept* k = find(instance.instance);
    if (k == nullptr || k->version != instance.version || k->evolve != evolve || k->generation != generation)
        return std::nullopt;
    k->used = ++g_uses;
    return pg::copy_varlena(k->state, context);
}

void keep_state(int64 instance, const store::RowVersion& version, int64 evolve, uint64 generation,
                Datum state) {
    if (Kept* before = find(instance)) forget(*before);
    const std::size_t bytes = pg::datum_bytes(state);
    if (bytes > kMostKept) return;
    make_room(bytes);
    Kept& k = oldest();
    if (k.context != nullptr) forget(k);
    MemoryContext context = pg::guarded(
        [] { return AllocSetContextCreate(TopMemoryContext, "foreman kept state", ALLOCSET_SMALL_SIZES); });
    try {
        k.state = pg::copy_varlena(state, context);
    } catch (...) {
        MemoryContextDelete(context);
        throw;
    }
    k.context = context;
    k.instance = instance;
    k.version = version;
    k.evolve = evolve;
    k.generation = generation;
    k.bytes = bytes;
    k.used = ++g_uses;
    g_bytes += bytes;
}

}  // namespace foreman::engine
