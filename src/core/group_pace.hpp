// How many jobs an executor claims next, and when it should commit what it has: chunks that fit its own
// recent pace, inside a group that is bounded in time, jobs and subtransaction ids. One object per executor.
// Invariant: a group has at least one job and at most min(max_group, kMaxGroupJobs); chunks are 1..kMaxChunk.
#pragma once

#include <cstdint>

#include "core/time.hpp"

namespace foreman::core {

inline constexpr Micros kChunkTarget = milliseconds(5);
inline constexpr Micros kGroupTarget = milliseconds(20);
inline constexpr int kMaxChunk = 60;
inline constexpr int kMaxGroupJobs = 200;
/// Below PGPROC_MAX_CACHED_SUBXIDS (64, storage/proc.h), past which every snapshot of the server slows down.
inline constexpr int kMaxGroupSubxids = 60;

class GroupPace {
  public:
    /// does: starts a group. The first ever chunk is 1; later groups start with the chunk that the pace fits
    ///     in kChunkTarget, because the pace is kept.
    /// units: max_group 1..kMaxGroupJobs, held to it.
    void begin_group(Instant now, int max_group) noexcept;

    /// returns: how many jobs to claim now, 0 to end the group. Never 0 before the group's first job.
    int next_chunk(Instant now) const noexcept;

    /// does: accounts for a chunk.
    /// units: jobs that ran (0 is fine); what they took; subtransaction ids that the group's transaction has
    ///     used so far.
    void chunk_done(int jobs, Micros took, int subxids_total, Instant now) noexcept;

    /// returns: moving average of what a job takes, in nanoseconds; 0 before the first chunk.
    std::int64_t nanos_per_job() const noexcept { return nanos_per_job_; }

  private:
    int chunk_that_fits(Micros time) const noexcept;
    int chunk_for_subxids() const noexcept;

    std::int64_t nanos_per_job_ = 0;  // survives from group to group
    bool measured_ = false;
    Instant started_;
    Micros elapsed_;  // never falls, so that a clock that steps back cannot prolong a group
    int max_jobs_ = 1;
    int jobs_ = 0;
    int subxids_ = 0;
    int growth_ = 1;  // the next chunk as far as doubling goes
};

}  // namespace foreman::core
