// What every statement asks of the rows of a range from a key on, and its first six parameters. Used by claims and leases.
#pragma once

#include "store/db/sql_names.hpp"
#include "store/jobs/jobs.hpp"

// Served by the index live_job_claim.
#define CLAIMABLE                                                                                 \
    "queue " EQ " $1 AND kind " EQ " $2 AND priority " EQ " $3 AND alone " EQ " $4 AND state " EQ \
    " 'w'::pg_catalog.\"char\" "                                                                  \
    "AND (run_at, job_id) " GE " ($5, $6)"

namespace foreman::store {

/// -infinity and infinity compare as they should; a key of a real row has a finite run_at.
template <int N>
void set_range(pg::Args<N>* a, const RangeSpec& range, core::Key from) {
    a->text(1, range.queue)
        .text(2, range.kind)
        .i16(3, range.priority)
        .i16(4, range.alone)
        .instant(5, core::Instant{from.run_at})
        .i64(6, from.job_id);
}

}  // namespace foreman::store
