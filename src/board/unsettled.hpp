// Jobs whose executor failed or ended, and of which nobody has said yet what follows. Its transaction is gone, so that
// their rows wait again; the next claim would run a job before its attempt is charged or its interruption is counted,
// and both would then find nothing. So claims pass over such jobs until the executor or the dispatcher has them.
#pragma once

#include "board/layout.hpp"

namespace foreman::board {

/// does: marks what this executor runs. Called before its transaction is given up.
void mark_unsettled() noexcept;
/// does: takes the mark of this executor away, when what follows is in an open transaction, or is nothing.
void mark_settled() noexcept;

/// Whether any executor, of whatever database, has such a mark.
bool any_unsettled() noexcept;
/// Whether an executor of this database, other than the one that this process is or settles for, has such a mark and
/// ran the job last.
/// cost: one read when there is none
bool is_unsettled(int64 job_id) noexcept;
/// Whether the row of the job waits, and yet the job is somebody's: it is unsettled, or a worker outside has leased it on
/// the board alone.
/// cost: two reads when there is nothing of both, else a hash probe
bool is_anothers(int64 job_id) noexcept;

/// The dispatcher settles for the executor that had this slot: as long as it exists, the jobs are its own; at its end
/// the mark is gone.
class SettlingFor {
  public:
    explicit SettlingFor(int slot) noexcept;
    ~SettlingFor();
    SettlingFor(const SettlingFor&) = delete;
    SettlingFor& operator=(const SettlingFor&) = delete;

  private:
    const int slot_;
};

/// For whoever frees a slot.
void forget_unsettled(ExecutorSlot* slot) noexcept;

}  // namespace foreman::board
