// The keys that this process runs jobs under: taken before a job starts, given back when the transaction that
// settles it has ended, or when a job of lane procedure has. Jobs that one process runs one after another in
// one transaction share a key. Invariant: whatever ends the process, its keys are given back (a crash empties
// the board).
#pragma once

#include "store/waits_board.hpp"

namespace foreman::store {

/// does: takes the key unless this process has it; share: whether having it is enough (jobs one after
/// another), else each call counts (jobs at once).  returns: false when it is full; entry: what was taken
bool hold_key(const KeyName& name, int limit, bool share, uint32* entry);
/// A lease has the key from now on, in place of this process.
void hand_over_key(uint32 entry) noexcept;
/// Gives back everything that is not kept, places in queues (queue_limits.hpp) too.
void release_keys() noexcept;

/// While it lives, ends of transactions give nothing back; its end does.
class KeepKeys {
  public:
    KeepKeys();
    KeepKeys(const KeepKeys&) = delete;
    KeepKeys& operator=(const KeepKeys&) = delete;
    ~KeepKeys();
};

}  // namespace foreman::store
