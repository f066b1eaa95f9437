// Leases and outside workers on the board: until when each attempt is leased, cancel marks, progress, who was
// heard of when. claim() adds entries at its commit, heartbeats extend them, the dispatcher looks for those
// that ended. Invariant: the row decides who owns a job (token); an entry without its row, or a row without
// its entry, is mended by the dispatcher. A heartbeat is answered from the entry while that carries the
// caller's token, else from the row; `active` only before the rescue of the lease has begun.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "board/board.hpp"
#include "pg/datum.hpp"

namespace foreman::board {

enum class Beat { active, cancel_requested, lost, unknown };  // unknown: not known by this token, ask the row

/// keys: entries of waits_board.hpp, queue: a place in a queue that the lease holds from now on, given back
/// when it goes. false: there is no room; the row tells when it ends, and the keys stay with the caller.
bool add_lease(Oid database, int64 job_id, const pg::UuidBytes& token, Instant until, core::Micros length,
               const uint32 (&keys)[2], uint32 queue) noexcept;
/// Takes the lease with this token off the board: a later one of the same job stays.
void drop_lease(Oid database, int64 job_id, const pg::UuidBytes& token) noexcept;
/// does: extends a lease to now + extend (or its length), keeps progress.
/// cost: one hash probe
Beat beat_lease(Oid database, int64 job_id, const pg::UuidBytes& token, Instant now, core::Micros extend,
                const double* progress, std::optional<std::string_view> note) noexcept;
/// The next heartbeat of the job's holder is answered cancel_requested.
bool mark_lease_cancelled(Oid database, int64 job_id) noexcept;

struct LeaseReading {
    int64 job_id;
    pg::UuidBytes token;
    Instant until;
    bool cancel_requested;
    bool has_progress;
    double progress;
    uint16 note_len;
    char note[kLeaseNoteBytes];
};
bool read_lease(Oid database, int64 job_id, LeaseReading* out) noexcept;
/// The leases of a database on the board: up to `max`, and how many there are.
struct LeaseName {
    int64 job_id;
    pg::UuidBytes token;
};
int name_leases(Oid database, LeaseName* out, int max) noexcept;
/// Up to `max` leases that ended before `now`; `next`: the earliest end of the others.
int ended_leases(Oid database, Instant now, LeaseReading* out, int max, Instant* next) noexcept;
/// Whether leases had no room since the last call: their rows tell when they end.
bool take_leases_off_board(Oid database) noexcept;
/// They are looked at, at `at` or before.
void look_at_leases_at(Oid database, Instant at) noexcept;
/// The rescue of an ended lease begins: heartbeats are answered `lost` from here on, until its commit drops
/// the entry; after an abort the dispatcher finds it again. false: a heartbeat has extended it meanwhile.
bool begin_rescue(Oid database, int64 job_id, const pg::UuidBytes& token, Instant now) noexcept;
/// An ended lease is looked at again at `until`.
void postpone_lease_end(Oid database, int64 job_id, Instant until) noexcept;
/// The clock was set back: leases end when as much time has passed as they had left, and workers are silent
/// from now on.
void follow_clock_back(Oid database, Instant now) noexcept;

// ---- outside workers --------------------------------------------------------

constexpr core::Micros kWorkerSilence = core::seconds(30);

struct Announcement {
    std::string_view id, label;
    std::span<const std::string_view> queues;
    Oid role;  // that the worker acts as
};
enum class Announced { yes, full, taken };
/// taken: a live worker of the role `owner` has the id; nothing is changed.
Announced beat_worker(Oid database, const Announcement& worker, Instant now, Oid* owner) noexcept;
/// Live workers that declared the queue, and how many of them come before `id` in the order of ids.
struct WorkerPlace {
    int workers;
    int before;
};
WorkerPlace place_of_worker(Oid database, std::string_view queue, std::string_view id, Instant now) noexcept;
/// Copies the entry of a place, 0 to kMaxWorkers - 1; false: no worker of this database that was heard of
/// lately.
bool read_worker(int place, Oid database, Instant now, WorkerEntry* out) noexcept;

}  // namespace foreman::board
