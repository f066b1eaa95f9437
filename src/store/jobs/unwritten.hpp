// Leases that only the board knows, seen from the rows: taking them, ending them, and writing them later. The rule is
// in board/unwritten_leases.hpp. Jobs without keys, of kinds that nobody here runs, are leased so.
#pragma once

#include "board/unwritten_leases.hpp"
#include "store/jobs/leases.hpp"

namespace foreman::store {

/// does: leases up to `qty` due jobs of a range on the board, in order; writes nothing.
/// returns: false: the board has no room for more, or the rows cannot be read so: the others have to be leased in rows
/// needs: a board; a range without keys whose kind has no handler here; a name of the worker that has room
/// cost: about 2 us a job
bool lease_on_board(const RangeSpec& range, core::Key from, int qty, const LeaseClaim& claim,
                    MemoryContext context, pg::vector<LeasedJob>* out);
/// does: gives those of them that are on the board a place of the queue each, which this process has taken. Once the
///     claim cannot be tried again any more: a lease that is undone gives its place back.
void give_places(std::span<const LeasedJob> jobs, uint32 queue) noexcept;

/// What somebody ends: tokens, and for each whether only the board has the lease.
class Settled {
  public:
    /// does: says on the board of the unwritten ones that this transaction ends them
    Settled(std::span<const TokenPair> pairs, pg::ContextResource* memory);
    Settled(const Settled&) = delete;
    Settled& operator=(const Settled&) = delete;
    ~Settled();

    /// Whether the row, in this state and under this token, is of one of the leases.
    bool may_take(int64 job_id, core::StoredState state, const pg::UuidBytes* token) const noexcept;
    /// The lease of a row that had no token.
    void describe(LeasedJob* job) const noexcept;

  private:
    struct One {
        int64 job_id;
        pg::UuidBytes token;
        bool unwritten;
        core::Instant claimed_at;
    };
    const One* find_unwritten(int64 job_id) const noexcept;

    pg::vector<One> leases_;  // in the order of their ids
    const Settled* const before_;
};
/// Asked of each row that take_leases() finds.
bool may_take_row(int64 job_id, core::StoredState state, const pg::UuidBytes* token) noexcept;

struct WritePass {
    int64 written;
    core::Instant next;  // when to look again
};
/// does: writes unwritten leases into their rows: those that were claimed before `before`, or have ended. Those that
///     somebody is ending are left for later; of those whose row is gone the board forgets.
/// needs: the dispatcher's transaction, or one of its like
WritePass write_leases(core::Instant before, std::size_t most);

}  // namespace foreman::store
