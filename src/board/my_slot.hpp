// The slot of this process, when it is an executor: what it publishes of its job, how it comes and goes. Every
// function does nothing where this process has no slot.
#pragma once

#include <string_view>

#include "board/board.hpp"

namespace foreman::board {

/// false: the slot was given to somebody else meanwhile.
bool attach_slot(int slot, Oid database, Oid role) noexcept;
/// Marks the slot dead when a job was in hand (for the dispatcher to settle), free otherwise; wakes who waits
/// for room.
void detach_slot(Death death) noexcept;
ExecutorSlot* my_slot() noexcept;  ///< nullptr outside executors
int my_slot_number() noexcept;     ///< -1 outside executors

/// The executor works: it committed something, came to rest, or leaves because it is asked to.
void slot_proven() noexcept;
void slot_idle(Instant now) noexcept;
void slot_busy(Instant now) noexcept;
/// Publishes the job that starts now; kind and queue are only copied when they differ from the last.
void slot_begin_job(int64 job_id, std::string_view kind, std::string_view queue, int attempt,
                    Instant now) noexcept;
/// counts: whether a job is done with it.
void slot_end_job(bool counts = true) noexcept;
/// The job that runs is leased, not claimed by delete: its death has to be settled by the dispatcher.
void slot_outside_group(bool outside) noexcept;
void slot_hold(RangeRef range, Key key) noexcept;
/// The transaction in which this executor locks rows that stay; invalid: none.
void slot_transaction(TransactionId xid) noexcept;
/// Whether an executor of ours, or this process, runs jobs in this transaction.
bool is_executor_transaction(TransactionId xid) noexcept;
/// Clears the held key and answers it; the caller lowers the head afterwards when it gives the job back. In
/// this order.
Key slot_release(RangeRef* range) noexcept;
void slot_progress(double fraction, std::string_view note) noexcept;
/// After max_executors became less: asks this executor to leave when it is one too many.
void leave_if_too_many(int max_executors) noexcept;
/// How it was asked to leave: 0 not, 1 at the end of its group, 2 at once.
uint32 should_leave() noexcept;
/// The job that the last interrupt sent to this executor was meant for, once; 0: nobody of us sent one.
int64 take_interrupt_target() noexcept;
/// The same without forgetting it.
int64 interrupt_target() noexcept;

}  // namespace foreman::board
