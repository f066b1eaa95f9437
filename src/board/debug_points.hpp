// Debug points: places in the code where an isolation spec makes a process wait, to try one interleaving. Only the
// library that those specs load has them (build/debug/pg_foreman.so, see the Makefile): it compiles each .cpp file
// that includes this header a second time, with FOREMAN_DEBUG_POINTS. In the library that is installed,
// debug_point() is empty. So no header may include this one.
#pragma once

#include "pg/prelude.hpp"

namespace foreman::board {

#ifdef FOREMAN_DEBUG_POINTS
inline constexpr bool kDebugPoints = true;
#else
inline constexpr bool kDebugPoints = false;
#endif

enum class DebugPoint : uint32 {
    before_commit_callback = 1,
    inside_raise = 2,
    after_claim = 4,
    before_give_back = 8,
    inside_rescue = 16,
    inside_requests = 32,
    inside_reread = 64,
    inside_count = 128,
    inside_input = 256,
    inside_claim = 512,
    before_write = 1024,
    after_write = 2048
};

/// Which points are armed, as a sum of their bits. In shared memory.
pg_atomic_uint32& armed_points();
/// Waits for the advisory lock of this point, which the spec holds, if the point is armed.
void stop_at(DebugPoint point) noexcept;

inline void debug_point([[maybe_unused]] DebugPoint point) noexcept {
    if constexpr (kDebugPoints) stop_at(point);
}

}  // namespace foreman::board
