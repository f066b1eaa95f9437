// The head of a range: a lower bound on the least key of its claimable rows, kept without reading the rows.
// The board keeps one RangeHead per range and calls these under the range's spinlock; nobody else writes it.
// The jobs that are parked behind a concurrency key have a head of the same rule (ParkedHead).
// Invariant: once the callback of whatever made a row claimable has run, head <= that row's key. So a claim
// that starts at the head misses nothing, and a head in the future means that nothing is due.
//
// The rule, in the order that it needs (test/unit/range_head_test.cpp checks all interleavings, and that each
// step moved breaks it):
//   making a row claimable:  commit; then lower(key).
//   raising, one raiser per range at a time:  from = begin_raise(); read the held keys; take a new snapshot;
//   read
//       plainly the first row from `from` on that is not held; finish_raise(its key, or kNoKey).
//   holding a key, so that a long job does not hold the head:  lock or delete the row; then publish its key.
//   giving it back unfinished:  end the transaction; then clear the published key; then lower(key).
// A row is in the raiser's snapshot, then the first one seen is not above it; or its callback comes after
// begin_raise, then it lowered `pending`. A held key that was skipped was published when the raiser looked,
// after begin_raise, so its lower() is still to come. Producers never make a raise fail.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace foreman::core {

/// The place of a job in its range.
struct Key {
    std::int64_t run_at;  ///< microseconds, as Instant
    std::int64_t job_id;
    friend constexpr auto operator<=>(const Key&, const Key&) noexcept = default;
};

inline constexpr Key kFirstKey{std::numeric_limits<std::int64_t>::min(),
                               std::numeric_limits<std::int64_t>::min()};
inline constexpr Key kNoKey{std::numeric_limits<std::int64_t>::max(),
                            std::numeric_limits<std::int64_t>::max()};

/// The place of a job among those that are parked behind its concurrency key.
struct ParkedPlace {
    std::int16_t priority;
    Key key;
    friend constexpr auto operator<=>(const ParkedPlace&, const ParkedPlace&) noexcept = default;
};
inline constexpr ParkedPlace kFirstPlace{std::numeric_limits<std::int16_t>::min(), kFirstKey};
inline constexpr ParkedPlace kNoPlace{std::numeric_limits<std::int16_t>::max(), kNoKey};

/// Lives in shared memory, so it has no initial values: a new range starts as {kFirstKey, kNoKey}.
template <class Place>
struct Head {
    Place head;
    Place pending;  ///< the least one lowered since the last begin_raise
};
using RangeHead = Head<Key>;
using ParkedHead = Head<ParkedPlace>;
static_assert(std::is_trivial_v<RangeHead> && std::is_standard_layout_v<RangeHead>);
static_assert(std::is_trivial_v<ParkedHead> && std::is_standard_layout_v<ParkedHead>);

/// does: what the commit callback of whatever made a row claimable at `key` calls. Needs the commit to be
///     visible.
template <class Place>
constexpr void lower(Head<Place>& range, Place key) noexcept {
    range.head = std::min(range.head, key);
    range.pending = std::min(range.pending, key);
}

/// does: starts a raise.
/// returns: the key to read from. A head that was read earlier will not do: what was lowered in between would
///     be forgotten. A raise that is given up leaves nothing behind.
constexpr Key begin_raise(RangeHead& range) noexcept {
    range.pending = kNoKey;
    return range.head;
}
constexpr ParkedPlace begin_raise(ParkedHead& key) noexcept {
    key.pending = kNoPlace;
    return key.head;
}

/// does: ends a raise.
/// units: first_seen is the key of the first row read, kNoKey (kNoPlace) when there was none.
template <class Place>
constexpr void finish_raise(Head<Place>& range, Place first_seen) noexcept {
    range.head = std::min(first_seen, range.pending);
}

}  // namespace foreman::core
