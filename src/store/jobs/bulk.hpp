// Cancel, retry and delete of all jobs that match: cancel_where(), retry_where(), delete_where(),
// purge_queue(). Each call here takes one batch, in the order of ids, and says how far it came;
// api/operate/bulk.cpp goes on until nothing is left. Invariant: nothing waits for a row that somebody holds:
// unfinished ones get a request, as in control.hpp, finished ones are left out.
#pragma once

#include <optional>
#include <string_view>

#include "store/jobs/find.hpp"

namespace foreman::store {

struct JobFilter {
    std::optional<std::string_view> kind, queue;
    std::optional<std::string_view> state;  // one of the nine names
    std::optional<Datum> tags;              // text[]: jobs that have all of them
    std::optional<core::Instant> until;     // enqueued, or finished, at that time or before
};

struct Batch {
    int64 last_id;  // go on behind it
    int64 touched;  // jobs that were changed or got a request
    bool more;      // there may be others
};

/// Unfinished jobs behind `after`: cancelled, or forgotten.
Batch cancel_some(const JobFilter& filter, int64 after, int64 most, MemoryContext context);
Batch delete_live_some(const JobFilter& filter, int64 after, int64 most, MemoryContext context);
/// Finished ones of one place (history or dead): forgotten, or due again. Those whose args were not kept
/// cannot be.
Batch delete_finished_some(const JobFilter& filter, Place place, int64 after, int64 most);
Batch retry_some(const JobFilter& filter, Place place, int64 after, int64 most, MemoryContext context);

}  // namespace foreman::store
