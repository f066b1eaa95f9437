// A pass over the schedules that have a reason to be looked at, chunk by chunk, so that the caller can put a
// transaction around each. Driven by the dispatcher and by foreman.fire_schedules_once(). Invariant: one
// schedule that cannot go on stops only itself: each is fired in a subtransaction; what is wrong with it for
// good makes it inactive with its error, what may pass leaves it due.
#pragma once

#include "pg/memory.hpp"
#include "store/schedules/fire.hpp"

namespace foreman::engine {

/// Before all schedules, those with negative ids (of schema cron) too.
inline constexpr store::DueSchedule kBeginning{std::numeric_limits<int64>::min(), core::kMinusInfinity};

/// Schedules that failed in a way that may pass, so that it is said once.
using Troubled = pg::static_vector<int64, 64>;

class FirePass {
  public:
    FirePass(core::Instant now, Troubled* troubled) : now_(now), troubled_(troubled) {}

    /// Fires up to 50 schedules in the caller's transaction.
    /// returns: false when nothing is left to do
    bool step();
    int64 fired() const noexcept { return fired_; }
    /// Something failed that may pass: to be tried again in a while.
    bool failed() const noexcept { return failed_; }

  private:
    enum class Stage : uint8 { ahead, started, due, buffered, done };

    bool step_due();
    bool step_others(store::FireReason reason);
    void fire(int64 id, store::FireReason reason);
    void give_up(int64 id, int sqlstate, const char* message);

    const core::Instant now_;
    Troubled* const troubled_;
    Stage stage_ = Stage::ahead;
    store::DueSchedule cursor_ = kBeginning;
    bool found_ = false;  // something was due since the cursor stood at the beginning
    int64 fired_ = 0;
    bool failed_ = false;
};

}  // namespace foreman::engine
