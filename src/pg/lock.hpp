// Locks of shared memory as scopes. Bodies are short, noexcept, touch plain data only: no palloc, no ereport,
// no SQL, no waiting. (An error inside a locked scope resets InterruptHoldoffCount to 0; a naive release
// would bring it to 2^32 - 1 and make the process deaf to cancel and terminate.)
#pragma once

#include "pg/call.hpp"

namespace foreman::pg {

namespace detail {

// HOLD_INTERRUPTS and RESUME_INTERRUPTS without ++ on a volatile, which C++20 deprecates. An error that
// passed has reset the counter to 0; it must not go below.
inline void hold_interrupts() noexcept { InterruptHoldoffCount = InterruptHoldoffCount + 1; }
inline void resume_interrupts() noexcept {
    if (InterruptHoldoffCount > 0) InterruptHoldoffCount = InterruptHoldoffCount - 1;
}

}  // namespace detail

class LwLockGuard {
  public:
    LwLockGuard(LWLock* lock, LWLockMode mode) : lock_(lock) { call<&LWLockAcquire>(lock, mode); }
    LwLockGuard(const LwLockGuard&) = delete;
    LwLockGuard& operator=(const LwLockGuard&) = delete;
    ~LwLockGuard() {
        if (lock_ != nullptr) release();
    }

    // Before the end of the scope.
    void release() noexcept {
        // As LWLockReleaseAll in lwlock.c, should an error have reset the counter.
        if (InterruptHoldoffCount == 0) detail::hold_interrupts();
        LWLockRelease(std::exchange(lock_, nullptr));
    }

  private:
    LWLock* lock_;
};

// A few straight-line instructions, never a function call.
class SpinGuard {
  public:
    explicit SpinGuard(slock_t* lock) noexcept : lock_(lock) { SpinLockAcquire(lock); }
    SpinGuard(const SpinGuard&) = delete;
    SpinGuard& operator=(const SpinGuard&) = delete;
    ~SpinGuard() { SpinLockRelease(lock_); }

  private:
    slock_t* const lock_;
};

// Cancel and terminate wait as long as this lives. An error that passes resets the counter; the destructor
// knows.
class HoldInterrupts {
  public:
    HoldInterrupts() noexcept { detail::hold_interrupts(); }
    HoldInterrupts(const HoldInterrupts&) = delete;
    HoldInterrupts& operator=(const HoldInterrupts&) = delete;
    ~HoldInterrupts() { detail::resume_interrupts(); }
};

/// does: takes a heavyweight lock on a name, which belongs to a table, until the end of the transaction. Names whose
///     hashes are the same share a lock.
/// waits: for those who have it in a mode that conflicts
/// cost: no row is written; and a process that has it already only counts
inline void lock_name(Oid relation, std::string_view name, LOCKMODE mode) {
    const Oid hash =
        hash_bytes(reinterpret_cast<const unsigned char*>(name.data()), static_cast<int>(name.size()));
    call<&LockDatabaseObject>(relation, hash, uint16{0}, mode);
}

}  // namespace foreman::pg
