// What the current transaction announces at its commit, of one kind: each announcement has the nesting level of
// the subtransaction that made it, and goes when that rolls back.
//
// A kind T is a plain struct with
//   keep(context)   copies what its views show, which are the caller's, into the context
//   kMerges         whether two of one level may become one; then also
//   hash(), is_same(other), merge(other)
// Invariant: levels never fall from the first to the last; the chain of a bucket leads from its last
// announcement to its first, so that the last of all is the first of its chain.
#pragma once

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "pg/memory.hpp"

namespace foreman::store {

template <class T>
class AnnouncementList {
    static_assert(std::is_trivially_copyable_v<T>);

  public:
    bool empty() const noexcept { return count_ == 0; }

    /// does: adds one, or merges it into that of the same place and level.
    /// errors: 53200; then nothing has changed.
    /// cost: about 50 ns; the memory is the context's and goes with it.
    void add(T what, int level, MemoryContext context) {
        uint32 hash = 0;
        if constexpr (T::kMerges) {
            hash = what.hash();
            if (T* same = find(what, hash, level)) {
                same->merge(what);
                return;
            }
        }
        if (count_ == capacity_) grow(context);
        what.keep(context);
        push({what, hash, level, kNone});
    }

    /// The last announcement for which `wanted` is true, among the last `among`; nullptr: there is no such.
    template <class Wanted>
    T* find_last(int among, Wanted wanted) noexcept {
        for (int i = count_ - 1; i >= 0 && i >= count_ - among; i--) {
            if (wanted(entries_[i].what)) return &entries_[i].what;
        }
        return nullptr;
    }

    /// In the order in which they were made.
    template <class Do>
    void each(Do what) {
        for (int i = 0; i < count_; i++) what(entries_[i].what);
    }
    template <class Do>
    void each_from_last(Do what) {
        for (int i = count_ - 1; i >= 0; i--) what(entries_[i].what);
    }

    /// Those of this level and of deeper ones, from the last on.
    template <class Do>
    void each_of_level(int level, Do what) {
        for (int i = count_ - 1; i >= 0 && entries_[i].level >= level; i--) what(entries_[i].what);
    }

    /// What was added last goes.
    void drop_last() noexcept { pop(); }

    /// The subtransaction of this level rolls back.
    void drop_level(int level) noexcept {
        while (count_ > 0 && entries_[count_ - 1].level >= level) pop();
    }

    /// The subtransaction of this level commits. Its parent may know the same places already: those at the end
    /// become one, so that a loop of savepoints stays small.
    void hand_to_parent(int level) noexcept {
        for (int i = count_ - 1; i >= 0 && entries_[i].level >= level; i--) entries_[i].level = level - 1;
        if constexpr (T::kMerges) {
            while (count_ > 1 && entries_[count_ - 1].level == level - 1) {
                const Entry last = pop();
                T* same = find(last.what, last.hash, last.level);
                if (same == nullptr) {
                    push(last);
                    return;
                }
                same->merge(last.what);
            }
        }
    }

    /// After the end of the transaction: the memory goes with the context.
    void forget() noexcept { *this = {}; }

  private:
    static constexpr int kNone = -1;
    struct Entry {
        T what;
        uint32 hash;
        int level;
        int next;  // the one before it in its bucket
    };

    int* bucket_of(uint32 hash) noexcept { return &buckets_[hash & static_cast<uint32>(capacity_ - 1)]; }

    T* find(const T& what, uint32 hash, int level) noexcept {
        if (count_ == 0) return nullptr;
        for (int i = *bucket_of(hash); i != kNone; i = entries_[i].next) {
            Entry& e = entries_[i];
            if (e.hash == hash && e.level == level && e.what.is_same(what)) return &e.what;
        }
        return nullptr;
    }

    void push(const Entry& e) noexcept {
        entries_[count_] = e;
        if constexpr (T::kMerges) {
            int* const bucket = bucket_of(e.hash);
            entries_[count_].next = *bucket;
            *bucket = count_;
        }
        count_++;
    }

    Entry pop() noexcept {
        const Entry last = entries_[--count_];
        if constexpr (T::kMerges) *bucket_of(last.hash) = last.next;
        return last;
    }

    void grow(MemoryContext context) {
        const int capacity = capacity_ == 0 ? 8 : capacity_ * 2;
        auto* bigger =
            static_cast<Entry*>(pg::allocate(sizeof(Entry) * static_cast<Size>(capacity), context));
        int* buckets = nullptr;
        if constexpr (T::kMerges) {
            buckets = static_cast<int*>(pg::allocate(sizeof(int) * static_cast<Size>(capacity), context));
            std::fill_n(buckets, capacity, kNone);
        }
        const Entry* const old = entries_;
        const int count = count_;
        entries_ = bigger;
        buckets_ = buckets;
        capacity_ = capacity;
        count_ = 0;
        for (int i = 0; i < count; i++) push(old[i]);
    }

    Entry* entries_ = nullptr;
    int* buckets_ = nullptr;  // as many as capacity_: the last announcement of each
    int count_ = 0;
    int capacity_ = 0;  // a power of two
};

}  // namespace foreman::store
