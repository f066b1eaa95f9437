// What blocked jobs wait for, on the board: keys that are in use or have parked jobs, and the ids of jobs and
// batches whose end somebody waits for. Executors and claim() take keys before a job starts; commit callbacks
// leave hints here; the dispatcher takes the hints and looks at the rows (store/jobs/blocked.hpp).
// Invariant: `running` of a key is never less than the number of jobs with that key that run; a hint may be
// spurious, never missing: what does not fit sets waits_overflow, and the dispatcher looks at all blocked
// rows.
#pragma once

#include <span>
#include <string_view>

#include "board/board.hpp"
#include "core/job_state.hpp"

namespace foreman::board {

// ---- keys -------------------------------------------------------------------

struct KeyName {
    BlockedOn type;  // key or sequence
    std::string_view queue, key;
};
constexpr uint32 kNoKeyEntry = kNoIndex;

/// does: counts one more job that runs under the key, within `limit`.
/// returns: its entry, kNoKeyEntry when the key is full, or no_room: the table is, or the share of this
///     session's role.
/// cost: one hash probe under a lock
uint32 take_key(Oid database, const KeyName& name, int limit, bool* no_room) noexcept;
/// The same beyond any limit: for leases that are there already. kNoKeyEntry when the table is full.
uint32 take_key_anyhow(Oid database, const KeyName& name) noexcept;
/// One less; wakes the dispatcher when jobs are parked behind it.
void give_key(uint32 entry) noexcept;
/// How many run under the key now.
int key_running(Oid database, const KeyName& name) noexcept;

using core::ParkedPlace;
/// A hint: jobs of the key may have become runnable. parked: some are blocked on it from now on, the first of
/// them at `place`; otherwise only a key that is known to have parked jobs is looked at.
void hint_key(Oid database, const KeyName& name, bool parked, const ParkedPlace& place) noexcept;
/// A look at all keys with parked jobs begins: what had no room on the board is found by it.
void trust_keys(Oid database) noexcept;
/// The dispatcher itself found parked jobs of the key among the rows: wakes nobody.
void know_key(Oid database, const KeyName& name) noexcept;
/// The dispatcher's raising of the head of the parked jobs: as in core/range_head.hpp, and only by what is
/// committed, since its own transaction may fail. The jobs that it let go are passed by at the next look.
ParkedPlace begin_key_raise(Oid database, const KeyName& name) noexcept;
void finish_key_raise(Oid database, const KeyName& name, const ParkedPlace& first_seen) noexcept;

struct KeyHint {
    BlockedOn type;
    BoardName queue, key;
};
/// Whoever takes from both ends keeps no hint waiting for a hundred thousand others: the newest one has its
/// turn, and so has the one that waits longest.
enum class HintOrder { newest, oldest };
/// Takes one hint; the key counts as looked at from here on. false: there is none.
bool take_key_hint(Oid database, HintOrder order, KeyHint* out) noexcept;
/// After a look that found no job blocked on the key: it needs no more hints, unless one came meanwhile.
void key_is_clear(Oid database, const KeyName& name) noexcept;

// ---- ends of jobs and batches -----------------------------------------------

using core::EndId;
using core::EndKind;
/// A blocked job waits for the end of this job, or the jobs of this batch may all have ended: the dispatcher
/// looks at it at once, and again whenever it ends.
void await_end(Oid database, EndId end) noexcept;
/// These ended: those that somebody waits for become hints.
/// cost: one load when nobody waits
void tell_ends(Oid database, EndKind kind, std::span<const int64> ids) noexcept;
bool take_end_hint(Oid database, HintOrder order, EndId* end) noexcept;
/// Nobody waits for it any more.
void forget_end(Oid database, EndId end) noexcept;

/// Everything about a database.
void clear_waits(Oid database) noexcept;

}  // namespace foreman::board
