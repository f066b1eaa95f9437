// Jobs in the hands of outside workers, as rows: claimed under a random token, ended or given back by whoever
// shows it. Every change is guarded by (state, token) in the statement that makes it: a stale token changes
// nothing. Called by api/outside/leases.cpp in the worker's transaction and by the dispatcher for leases that
// ended.
#pragma once

#include "board/leases.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::store {

constexpr core::Micros kDefaultLease = core::seconds(60);

struct LeaseClaim {
    std::string_view worker;
    core::Micros length;
    core::Instant now;
    uint32 queue = board::kNoIndex;  // whose places the leases take over
    bool in_rows = false;            // its rows say of it at its commit: the caller looks there
};
struct LeasedJob {
    Job job;
    pg::UuidBytes token;
    bool on_board;  // its row does not say so
};

/// does: leases up to `qty` due jobs of a range, in order, and remembers them for the board.
/// cost: about 6 us a row
void lease_jobs(const RangeSpec& range, core::Key from, int qty, const LeaseClaim& claim,
                MemoryContext context, pg::vector<LeasedJob>* out);
/// The same for a keyed range: those whose keys are full are parked. looked_at: how many were due; no_room:
/// set when the board has no room for the keys of some
void lease_keyed_jobs(const RangeSpec& range, core::Key from, int qty, const LeaseClaim& claim,
                      MemoryContext context, pg::vector<LeasedJob>* out, std::size_t* looked_at,
                      bool* no_room);

struct TokenPair {
    int64 job_id;
    pg::UuidBytes token;
};
/// does: deletes the leased jobs whose token is right and reads them; the others are lost.
void take_leases(std::span<const TokenPair> pairs, MemoryContext context, pg::vector<LeasedJob>* out);
/// The token of the lease of a job, on the board or in its row; nothing: no worker outside holds it.
std::optional<pg::UuidBytes> token_of_lease(int64 job_id);
/// does: locks the row of a lease for its rescue, without waiting. false: the token is not right, or somebody
///     ends the lease in a transaction that is still open.
std::optional<core::Instant> lock_lease(const TokenPair& pair);
/// What the row of a leased job says now, whatever the snapshot of the transaction; nothing: it is not
/// leased.
struct LeaseRow {
    pg::UuidBytes token;
    core::Micros length;
    std::string_view queue;
    std::optional<std::string_view> concurrency_key, sequence_key;
};
/// The texts are in CurrentMemoryContext.
std::optional<LeaseRow> read_lease_row(int64 job_id);
/// Puts a lease on the board from its row, with its keys and its place in the queue.  false: there is no
/// room, or no board.
bool place_lease(int64 job_id, const LeaseRow& row, core::Instant until);
/// Renews in the row, where the board has no room or is not there.
bool renew_lease_row(const TokenPair& pair, core::Instant until, core::Micros length);
/// Leases that had no room on the board: those that ended by their rows, which the caller revives; the others
/// are placed where there is room by now, or are looked at again when the first of them ends.
void place_leases_off_board(core::Instant now, pg::vector<TokenPair>* ended);
/// Leases that ended by what their rows say, for servers without a board.
void ended_lease_rows(core::Instant now, pg::vector<TokenPair>* out);
void all_leases(pg::vector<TokenPair>* out);
/// All outside leases of the database, to the board, each renewed now; those whose job is gone leave it, with
/// their places and keys, for example of rows that somebody deleted by hand.
/// returns: how many found no room
int64 load_leases(core::Instant now);

}  // namespace foreman::store
