// The keys that this process runs jobs under: taken before a job starts, given back when the transaction that
// settles it has ended, or when a job of lane procedure has. Jobs that one process runs one after another in
// one transaction share a key. Invariant: whatever ends the process, its keys are given back (a crash empties
// the board).
#pragma once

#include "board/waits.hpp"

namespace foreman::board {

/// does: takes the key unless this process has it; share: whether having it is enough (jobs one after
///     another), else each call counts (jobs at once).
/// entry: what was taken
enum class Hold { yes, in_use, no_room };  // in_use: as many as may run under it; no_room: see take_key()
/// needs: watch_transaction() was called
Hold hold_key(const KeyName& name, int limit, bool share, uint32* entry);
/// A lease has the key from now on, in place of this process.
void hand_over_key(uint32 entry) noexcept;
/// Gives back everything that is not kept, places in queues (queue_limits.hpp) too.
void release_keys() noexcept;
/// A savepoint ended at this level: rolled back, the keys and places that were taken in it are given back;
/// else they are its parent's.
void release_keys_of_level(int level) noexcept;
void hand_keys_to_parent(int level) noexcept;

/// While it lives, ends of transactions give nothing back; its end does.
class KeepKeys {
  public:
    KeepKeys();
    KeepKeys(const KeepKeys&) = delete;
    KeepKeys& operator=(const KeepKeys&) = delete;
    ~KeepKeys();
};

}  // namespace foreman::board
