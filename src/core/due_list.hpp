// The due ranges that an executor may claim from, in the order of priority and then of their heads: the least ones of
// all, found in one pass over the board and then used one after another. So the pass is paid once for many ranges.
// Invariant: between end() and the next begin(), first() is the least of those that were not dropped.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>

#include "core/range_head.hpp"

namespace foreman::core {

struct DueRange {
    std::int16_t priority;
    Key head;
    std::uint32_t index;
    std::uint32_t generation;
};

class DueList {
  public:
    static constexpr std::size_t kRoom = 64;

    void begin() noexcept { first_ = size_ = 0; }
    /// returns: whether a range of this place is among the least ones so far
    bool wants(std::int16_t priority, Key head) const noexcept {
        return size_ < kRoom || comes_before(priority, head, ranges_[0]);
    }
    /// needs:   wants() it
    void add(const DueRange& range) noexcept {
        if (size_ == kRoom) std::pop_heap(ranges_.begin(), ranges_.begin() + size_--, is_less);
        ranges_[size_++] = range;
        std::push_heap(ranges_.begin(), ranges_.begin() + size_, is_less);
    }
    void end() noexcept { std::sort_heap(ranges_.begin(), ranges_.begin() + size_, is_less); }

    std::size_t size() const noexcept { return size_ - first_; }
    bool empty() const noexcept { return first_ == size_; }
    const DueRange& first() const noexcept { return ranges_[first_]; }
    void drop_first() noexcept { first_++; }
    /// does:    gives the first one its place by the head that it has by now
    /// returns: whether it is still the first
    bool move_first(Key head) noexcept {
        DueRange moved = ranges_[first_];
        moved.head = head;
        std::size_t at = first_;
        for (; at + 1 < size_ && is_less(ranges_[at + 1], moved); at++) ranges_[at] = ranges_[at + 1];
        ranges_[at] = moved;
        return at == first_;
    }

  private:
    static bool comes_before(std::int16_t priority, Key head, const DueRange& than) noexcept {
        return priority < than.priority || (priority == than.priority && head < than.head);
    }
    static bool is_less(const DueRange& a, const DueRange& b) noexcept {
        return comes_before(a.priority, a.head, b);
    }

    // Until end() a heap, the greatest one at its top.
    std::array<DueRange, kRoom> ranges_;
    std::size_t first_ = 0;
    std::size_t size_ = 0;
};

}  // namespace foreman::core
