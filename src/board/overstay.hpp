// Handlers that go on after they were interrupted: they caught the interrupt, or never look for one. Kept by
// the dispatcher, which looks while requests for running jobs are open. Invariant: a session is ended only
// while it runs the very job that the interrupt was meant for.
#pragma once

#include "board/board.hpp"

namespace foreman::board {

class Overstayers {
  public:
    /// Ends the executors of a database whose handler was first seen going on `grace` ago.
    void end(Oid database, Instant now, core::Micros grace) noexcept;

  private:
    struct Seen {
        int64 job_id = 0;
        Instant since{};
        bool ended = false;
    };
    Seen seen_[kMaxSlots];
};

}  // namespace foreman::board
