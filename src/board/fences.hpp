// Under the address sanitizer the arrays of the board have fences between them: an index beyond the end of an array is
// reported, which the sanitizer cannot see in shared memory by itself. In every other build there is nothing of this.
#pragma once

#include "pg/prelude.hpp"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace foreman::board {

struct Fence {
    Size begin, bytes;
};

#ifdef __SANITIZE_ADDRESS__
constexpr Size kFence = 1024;
inline void raise_fence(char* board, Fence f) noexcept {
    __asan_poison_memory_region(board + f.begin, f.bytes);
}
#else
constexpr Size kFence = 0;
inline void raise_fence(char*, Fence) noexcept {}
#endif

}  // namespace foreman::board
