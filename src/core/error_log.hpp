// How many errors a job keeps. Whoever appends an error to a job's list asks here what must go first.
// Invariant: the list never has more than kMaxErrors entries and always ends with the newest.
#pragma once

#include <algorithm>

namespace foreman::core {

inline constexpr int kMaxErrors = 32;

/// returns: how many of the oldest of `kept` errors go before one more is appended.
constexpr int errors_to_drop(int kept) noexcept { return std::max(0, kept - (kMaxErrors - 1)); }

}  // namespace foreman::core
