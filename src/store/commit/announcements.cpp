// What each kind of announcement tells the board. See announcements.hpp.
#include "store/commit/announcements.hpp"

#include "board/parts.hpp"
#include "board/queue_limits.hpp"
#include "board/slots.hpp"
#include "board/unwritten_leases.hpp"
#include "board/waiters.hpp"
#include "board/waits.hpp"
#include "store/db/clock.hpp"

namespace foreman::store {

namespace {

uint32 hash_of(std::string_view text) noexcept {
    if (text.empty()) return 0;
    return hash_bytes(reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
}

std::string_view kept(std::string_view text, MemoryContext context) {
    return {pg::copy_text(text, context), text.size()};
}

void add_times(board::JobTimes* into, const board::JobTimes& from) noexcept {
    for (int i = 0; i < core::kHistogramBuckets; i++) {
        into->wait.counts[i] += from.wait.counts[i];
        into->run.counts[i] += from.run.counts[i];
    }
    into->wait_us += from.wait_us;
    into->run_us += from.run_us;
}

}  // namespace

uint32 CountsAnnouncement::hash() const noexcept { return hash_of(queue); }

void CountsAnnouncement::merge(const CountsAnnouncement& o) noexcept {
    delta.live += o.delta.live;
    delta.enqueued += o.delta.enqueued;
    delta.completed += o.delta.completed;
    delta.failed += o.delta.failed;
    delta.discarded += o.delta.discarded;
    delta.cancelled += o.delta.cancelled;
    if (times == nullptr) {
        times = o.times;
    } else if (o.times != nullptr) {
        add_times(times, *o.times);
    }
}

void CountsAnnouncement::keep(MemoryContext context) { queue = kept(queue, context); }

void CountsAnnouncement::tell() const noexcept {
    board::add_queue_delta(MyDatabaseId, queue, delta, times, GetTopFullTransactionIdIfAny(), store::now());
}

uint32 WorkflowCountsAnnouncement::hash() const noexcept { return hash_of(type); }

void WorkflowCountsAnnouncement::merge(const WorkflowCountsAnnouncement& o) noexcept {
    for (std::size_t i = 0; i < delta.of.size(); i++) delta.of[i] += o.delta.of[i];
}

void WorkflowCountsAnnouncement::keep(MemoryContext context) { type = kept(type, context); }

void WorkflowCountsAnnouncement::tell() const noexcept {
    board::add_workflow_delta(type, delta, GetTopFullTransactionIdIfAny());
}

void StopAnnouncement::tell() const noexcept {
    if (board::DatabaseSlot* d = board::database_slot(MyDatabaseId)) d->stopped = true;
}

void SettingsAnnouncement::keep(MemoryContext context) { queue = kept(queue, context); }

// What waits for the queue looks again: one that was paused may be open now.
void SettingsAnnouncement::tell() const noexcept {
    board::set_queue_settings(MyDatabaseId, queue, settings);
    // Jobs that its limit for each key, or the policy of its sequences, held up may go.
    if (board::DatabaseSlot* d = board::database_slot(MyDatabaseId))
        pg_atomic_write_u32(&d->waits_overflow, 1);
    board::poke_dispatcher(MyDatabaseId, board::kPokeQueues | board::kPokeDue | board::kPokeBlocked);
    if (board::anybody_waits()) board::wake_waiters_of_queue(MyDatabaseId, queue);
}

uint32 ThrottleAnnouncement::hash() const noexcept { return hash_of(queue); }

void ThrottleAnnouncement::keep(MemoryContext context) { queue = kept(queue, context); }

void ThrottleAnnouncement::tell() const noexcept {
    board::cool_queue(MyDatabaseId, queue, policy, at);
    board::poke_dispatcher(MyDatabaseId, board::kPokeDue);  // it wakes whom the end of the window concerns
}

uint32 WorkAnnouncement::hash() const noexcept { return hash_combine(hash_of(queue), hash_of(kind)); }

void WorkAnnouncement::merge(const WorkAnnouncement& o) noexcept {
    key = std::min(key, o.key);
    jobs += o.jobs;
}

void WorkAnnouncement::keep(MemoryContext context) {
    queue = kept(queue, context);
    kind = kept(kind, context);
}

void WorkAnnouncement::tell() const noexcept {
    // A handler may have been registered, or have gone, since the row was read.
    const Oid runner = board::lower_head({MyDatabaseId, queue, kind, priority, alone}, role, key);
    board::wake_for(MyDatabaseId, runner, core::Instant{key.run_at}, core::Instant{GetCurrentTimestamp()});
    // wait_for_job() serves workers outside: it is not woken for kinds that have a handler in the database.
    if (runner == InvalidOid && board::anybody_waits())
        board::wake_waiters_of_queue(MyDatabaseId, queue, jobs);
}

void KindAnnouncement::keep(MemoryContext context) { kind = kept(kind, context); }

void KindAnnouncement::tell() const noexcept { board::set_kind_role(MyDatabaseId, kind, role); }

void RequestAnnouncement::tell() const noexcept {
    if (board::DatabaseSlot* d = board::database_slot(MyDatabaseId)) {
        pg_atomic_fetch_add_u32(&d->request_generation, 1);
        pg_atomic_write_u32(&d->requests_open, 1);
    }
    if (interrupt && !board::interrupt_job(MyDatabaseId, job_id))
        board::mark_lease_cancelled(MyDatabaseId, job_id);
    board::poke_dispatcher(MyDatabaseId, board::kPokeRequests);
}

void DueAnnouncement::tell() const noexcept {
    board::DatabaseSlot* d = board::database_slot(MyDatabaseId);
    if (d != nullptr && (d->*instant).lower(at)) board::poke_dispatcher(MyDatabaseId, poke);
}

bool LeaseAnnouncement::holds_a_limit() const noexcept {
    return board::is_limited(place) || keys[0] != board::kNoIndex || keys[1] != board::kNoIndex;
}

void UnwrittenAnnouncement::keep(MemoryContext context) {
    if (is_kept) return;
    queue = kept(queue, context);
    kind = kept(kind, context);
    is_kept = true;
}

void UnwrittenAnnouncement::tell() const noexcept { board::close_unwritten(job_id, token); }

// First the lease goes, then the head comes back to its job, which a raise may have passed over.
void UnwrittenAnnouncement::undo() const noexcept {
    board::drop_lease(MyDatabaseId, job_id, token);
    WorkAnnouncement{queue, kind, priority, alone, InvalidOid, key, 1}.tell();
}

void WrittenAnnouncement::tell() const noexcept { board::mark_written(job_id, token); }

void LeaseEndAnnouncement::tell() const noexcept { board::drop_lease(MyDatabaseId, job_id, token); }

void LeaseEndAnnouncement::undo() const noexcept {
    if (settling) board::stop_settling(job_id, token);
}

uint32 KeyAnnouncement::hash() const noexcept { return hash_combine(hash_of(queue), hash_of(key)); }

void KeyAnnouncement::keep(MemoryContext context) {
    queue = kept(queue, context);
    key = kept(key, context);
}

void KeyAnnouncement::tell() const noexcept {
    board::hint_key(MyDatabaseId, {type, queue, key}, parked, place);
}

void AwaitAnnouncement::tell() const noexcept { board::await_end(MyDatabaseId, end); }

}  // namespace foreman::store
