// An instant on the board that says when something is due, the least of what anybody wrote. Sessions lower
// it at their commits; the dispatcher, which alone acts on it, forgets it first and reads the rows then.
// Invariant: it is not above the earliest instant that a finished lower() told of since the last forget().
#pragma once

#include "core/time.hpp"
#include "pg/prelude.hpp"

namespace foreman::board {

/// Part of a struct in shared memory: no constructor, usable after init().
class BoardInstant {
  public:
    /// needs:   no other process looks at it yet
    void init(core::Instant at) noexcept { pg_atomic_init_u64(&us_, static_cast<uint64>(at.us)); }
    core::Instant read() const noexcept { return {static_cast<int64>(pg_atomic_read_u64(&us_))}; }
    /// does:    sets it, whatever anybody wrote
    void set(core::Instant at) noexcept { pg_atomic_write_u64(&us_, static_cast<uint64>(at.us)); }
    /// does:    lowers it to `to`
    /// returns: false: it was not above
    bool lower(core::Instant to) noexcept {
        uint64 seen = pg_atomic_read_u64(&us_);
        while (to.us < static_cast<int64>(seen)) {
            if (pg_atomic_compare_exchange_u64(&us_, &seen, static_cast<uint64>(to.us))) return true;
        }
        return false;
    }
    /// does:    raises it to plus infinity
    /// needs:   to come before the look at the rows: what commits during the look lowers it again
    void forget() noexcept { set(core::kPlusInfinity); }

  private:
    mutable pg_atomic_uint64 us_;
};

}  // namespace foreman::board
