// Rows of a table of ours by their name, cached in this process and forgotten when anybody changed the table.
// Entries stay readable until the end of the transaction that asked for them.
#pragma once

#include <algorithm>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "pg/call.hpp"
#include "store/db/schema.hpp"

namespace foreman::store {

/// Entry begins with the name: a member `char name[kCacheKeyBytes]`, which the cache fills.
constexpr std::size_t kCacheKeyBytes = 256;

template <class Entry>
class RelationCache {
    static_assert(std::is_trivially_copyable_v<Entry>);

  public:
    using Generation = uint64 (*)() noexcept;
    /// generation: changes whenever the table did (store/db/schema.hpp).
    constexpr RelationCache(const char* name, Generation generation) noexcept
        : name_(name), current_generation_(generation) {}

    /// does: finds the entry of a name; where there is none yet, fill(entry, context) reads it. What the entry
    ///     points to belongs in that context.
    /// needs: a transaction.
    /// errors: 55000 without the extension, and those of `fill`; then there is no entry
    /// cost: a hash probe
    template <class Fill>
    const Entry& find(std::string_view name, Fill fill) {
        (void)schema();
        const uint64 generation = current_generation_();
        if (table_ == nullptr || generation != generation_ || hash_get_num_entries(table_) > kMost) {
            begin_anew();
            generation_ = generation;
        }
        char key[kCacheKeyBytes];
        const std::size_t n = std::min(name.size(), sizeof(key) - 1);
        name.copy(key, n);
        key[n] = '\0';
        bool found = false;
        if (auto* known = static_cast<Entry*>(hash_search(table_, key, HASH_FIND, &found)); found)
            return *known;
        // Entering first and filling afterwards would leave a half-made entry behind an error.
        Entry fresh{};
        std::memcpy(fresh.name, key, sizeof(key));
        fill(&fresh, context_);
        return *pg::guarded([&]() -> Entry* {
            bool existed = false;
            auto* e = static_cast<Entry*>(hash_search(table_, key, HASH_ENTER, &existed));
            std::memcpy(static_cast<void*>(e), &fresh, sizeof(Entry));
            return e;
        });
    }

  private:
    static constexpr long kMost = 20000;

    void begin_anew() {
        static_assert(offsetof(Entry, name) == 0 && sizeof(Entry::name) == kCacheKeyBytes);
        table_ = nullptr;
        table_ = pg::guarded([this]() -> HTAB* {
            // What was handed out before stays readable until the transaction ends.
            if (context_ != nullptr) MemoryContextSetParent(context_, TopTransactionContext);
            context_ = nullptr;
            context_ = AllocSetContextCreate(CacheMemoryContext, "foreman definitions", ALLOCSET_SMALL_SIZES);
            HASHCTL ctl{};
            ctl.keysize = kCacheKeyBytes;
            ctl.entrysize = sizeof(Entry);
            ctl.hcxt = context_;
            return hash_create(name_, 64, &ctl, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
        });
    }

    const char* name_;
    Generation current_generation_;
    MemoryContext context_ = nullptr;
    HTAB* table_ = nullptr;
    uint64 generation_ = 0;
};

}  // namespace foreman::store
