// The due rows of a range in their order, read through the index live_job_claim without a statement and without a lock.
// For leases on the board; defined in claim_delete.cpp, whose claims read the same way.
#pragma once

#include "store/jobs/jobs.hpp"

namespace foreman::store {

/// The row where a scan stands.
class WaitingRow {
  public:
    virtual core::Key key() const = 0;
    virtual ItemPointerData place() const = 0;
    /// As pg::IndexScan::is_untouched().
    virtual bool is_untouched() const = 0;
    /// Everything but names and keys.
    virtual void read(MemoryContext context, Job* out) const = 0;

  protected:
    ~WaitingRow() = default;
};

/// Called for a row; whether it was taken.
using TakeRow = bool (*)(void* arg, const WaitingRow& row);
/// does: gives the due rows of a range to `take`, in their order, until it has taken `qty` of them
/// returns: false: the index is not as we made it, or somebody has triggers on the table: a statement has to do it
/// needs: an active snapshot
bool scan_due(const RangeSpec& range, core::Key from, core::Instant now, int qty, void* arg, TakeRow take);
template <class Take>
bool scan_due(const RangeSpec& range, core::Key from, core::Instant now, int qty, Take take) {
    return scan_due(range, from, now, qty, &take,
                    [](void* arg, const WaitingRow& row) { return (*static_cast<Take*>(arg))(row); });
}

}  // namespace foreman::store
