// A hash table of a fixed size in memory that processes share: entries lie in one array and are named by their
// index, which stays theirs until they are given back. What does not fit is the caller's to decide, and so are
// locks: `high` alone may be read without one.
// An Entry has a member `std::uint32_t next`, which is the table's. A table whose entries are free of it keeps
// them in a parallel array.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>

namespace foreman::core {

inline constexpr std::uint32_t kNoEntry = 0xFFFFFFFF;

/// The fixed part, at a place that all processes know.
struct TableHead {
    std::uint32_t capacity;
    std::uint32_t buckets;            ///< a power of two
    std::uint32_t free;               ///< the first of the entries that were given back
    std::atomic<std::uint32_t> high;  ///< entries ever used: all others are as the memory was
};
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

constexpr std::uint32_t buckets_for(std::uint32_t capacity) noexcept {
    std::uint32_t n = 1;
    while (n < capacity) n <<= 1;
    return n;
}

template <class Entry>
class IndexTable {
  public:
    /// buckets: buckets_for(capacity) of them.
    IndexTable(TableHead& head, Entry* entries, std::uint32_t* buckets) noexcept
        : head_(head), entries_(entries), buckets_(buckets) {}

    /// does: makes the table empty. Writes the buckets only: untouched pages of entries stay without memory.
    void clear(std::uint32_t capacity) noexcept {
        head_.capacity = capacity;
        head_.buckets = buckets_for(capacity);
        head_.free = kNoEntry;
        head_.high.store(0, std::memory_order_relaxed);
        std::memset(buckets_, 0xFF, sizeof(std::uint32_t) * head_.buckets);
    }

    std::uint32_t high() const noexcept { return head_.high.load(std::memory_order_acquire); }
    bool is_full() const noexcept { return head_.free == kNoEntry && high() >= head_.capacity; }

    /// does: takes an entry that is in no chain. begin(index) makes one ready that was never used, before
    ///     anybody can see it.
    /// returns: its index; kNoEntry when the table is full.
    template <class Begin>
    std::uint32_t take(Begin begin) noexcept {
        if (head_.free != kNoEntry) {
            const std::uint32_t i = head_.free;
            head_.free = entries_[i].next;
            return i;
        }
        const std::uint32_t i = head_.high.load(std::memory_order_relaxed);
        if (i >= head_.capacity) return kNoEntry;
        begin(i);
        head_.high.store(i + 1, std::memory_order_release);
        return i;
    }
    std::uint32_t take() noexcept {
        return take([](std::uint32_t) {});
    }
    /// does: gives back an entry that is in no chain.
    void give_back(std::uint32_t i) noexcept {
        entries_[i].next = head_.free;
        head_.free = i;
    }

    /// does: lets find() find the entry by this hash.
    void chain(std::uint32_t i, std::uint32_t hash) noexcept {
        std::uint32_t& bucket = bucket_of(hash);
        entries_[i].next = bucket;
        bucket = i;
    }
    /// does: the contrary; the entry is in the chain of this hash.
    void unchain(std::uint32_t i, std::uint32_t hash) noexcept {
        std::uint32_t* at = &bucket_of(hash);
        while (*at != i) at = &entries_[*at].next;
        *at = entries_[i].next;
    }
    /// returns: the entry of this hash for which is_it(index) is true; kNoEntry: there is no such.
    template <class IsIt>
    std::uint32_t find(std::uint32_t hash, IsIt is_it) const noexcept {
        std::uint32_t i = bucket_of(hash);
        while (i != kNoEntry && !is_it(i)) i = entries_[i].next;
        return i;
    }

  private:
    std::uint32_t& bucket_of(std::uint32_t hash) const noexcept {
        return buckets_[hash & (head_.buckets - 1)];
    }

    TableHead& head_;
    Entry* entries_;
    std::uint32_t* buckets_;
};

}  // namespace foreman::core
