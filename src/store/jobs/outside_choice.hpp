// Which range an outside worker claims from next. Called by claim() and by wait_for_job().
#pragma once

#include <optional>
#include <span>

#include "store/jobs/jobs.hpp"

namespace foreman::store {

/// What an outside worker may claim: ranges of these queues whose kind is in `kinds`, or, without kinds, has
/// no handler here and is no task of a workflow.
struct OutsideFilter {
    std::span<const std::string_view> queues;
    std::optional<std::span<const std::string_view>> kinds;
};
/// The least due range that passes the filter; false: none. Reads the board, or the rows where there is no
/// board.
bool choose_outside(const OutsideFilter& filter, core::Instant now, std::span<const RangeSpec> skip,
                    board::RangeChoice* out);
/// Whether a range may be claimed from: what choose_outside() asks of each.
bool passes_outside(const OutsideFilter& filter, core::Instant now, std::span<const RangeSpec> skip,
                    const board::RangeChoice& range);
/// The earliest instant at which something of these queues is due; infinity: nothing waits.
core::Instant next_due_outside(const OutsideFilter& filter);

}  // namespace foreman::store
