// What a process holds on the board for its transaction: a list that grows before something is taken, so that
// what was taken is always noted. Called by board/permits.cpp and board/queue_limits.cpp. Order does not
// matter, except that the end is searched first by whoever gives back what came last.
#pragma once

#include <cstring>
#include <type_traits>

#include "pg/error.hpp"
#include "pg/memory.hpp"

namespace foreman::board {

// Whether the ends of this process's transactions give back what it holds (watch_transaction() in
// store/commit/remember.hpp).
inline constinit bool g_ends_watched = false;

template <class T>
class HeldList {
    static_assert(std::is_trivially_copyable_v<T>);

  public:
    constexpr HeldList() = default;
    /// Room for one more; may raise, with nothing changed.
    void reserve_one() {
        if (!g_ends_watched)
            throw pg::Failure(ERRCODE_INTERNAL_ERROR, "nobody would give back what this process takes");
        if (count_ < capacity_) return;
        const int capacity = capacity_ == 0 ? 64 : capacity_ * 2;
        auto* bigger =
            static_cast<T*>(pg::allocate(sizeof(T) * static_cast<Size>(capacity), TopMemoryContext));
        if (count_ > 0) std::memcpy(bigger, items_, sizeof(T) * static_cast<Size>(count_));
        T* const old = items_;
        items_ = bigger;
        capacity_ = capacity;
        if (old != nullptr) pfree(old);
    }
    void add(const T& item) noexcept { items_[count_++] = item; }
    void remove(T* item) noexcept { *item = items_[--count_]; }
    T take_last() noexcept { return items_[--count_]; }
    int size() const noexcept { return count_; }
    bool empty() const noexcept { return count_ == 0; }
    /// That of the entry which was taken in the innermost savepoint: whoever hands over what a claim has just taken keeps
    /// what is its own further out, also when the savepoint is rolled back. nullptr: there is none.
    T* innermost(uint32 entry) noexcept {
        T* found = nullptr;
        for (T& held : *this) {
            if (held.entry == entry && (found == nullptr || held.level > found->level)) found = &held;
        }
        return found;
    }
    T& operator[](int i) noexcept { return items_[i]; }
    T* begin() noexcept { return items_; }
    T* end() noexcept { return items_ + count_; }

  private:
    T* items_ = nullptr;
    int count_ = 0;
    int capacity_ = 0;
};

}  // namespace foreman::board
