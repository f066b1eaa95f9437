// Claims of this session that found nothing although something was due: what is due is in the hands of somebody who has
// locked its rows, and no commit of ours tells when he lets go of them. wait_for_job() then rests a moment, so that a
// worker that claims and waits in turn does not keep a processor busy. Invariant: a commit that announces work ends the
// rest at once.
#pragma once

#include <algorithm>

#include "core/time.hpp"

namespace foreman::api {

class EmptyHanded {
  public:
    static void note_claim(bool found_nothing) noexcept {
        claims_ = found_nothing ? std::min(claims_ + 1, kMost) : 0;
    }
    static void forget() noexcept { claims_ = 0; }
    /// How long to rest where something is due at once: 10 ms, doubled up to 80 ms.
    static core::Micros rest() noexcept {
        return claims_ == 0 ? core::Micros{0} : core::milliseconds(5) * (int64{1} << claims_);
    }

  private:
    static constexpr int kMost = 4;
    static inline constinit int claims_ = 0;
};

}  // namespace foreman::api
