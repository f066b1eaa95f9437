// Chunks and groups: see group_pace.hpp.
#include "core/group_pace.hpp"

#include <algorithm>

namespace foreman::core {

void GroupPace::begin_group(Instant now, int max_group) noexcept {
    started_ = now;
    elapsed_ = {};
    max_jobs_ = std::clamp(max_group, 1, kMaxGroupJobs);
    jobs_ = 0;
    subxids_ = 0;
    growth_ = measured_ ? chunk_that_fits(kChunkTarget) : 1;
}

int GroupPace::next_chunk(Instant now) const noexcept {
    const Micros left = kGroupTarget - std::max(elapsed_, now - started_);
    // A group that has no job yet goes on whatever the clock says: ending it would begin it again, for ever.
    if (jobs_ > 0 && (jobs_ >= max_jobs_ || left <= Micros{} || chunk_for_subxids() <= 0)) return 0;
    const int fits = measured_ ? chunk_that_fits(std::min(left, kChunkTarget)) : 1;
    return std::max(1, std::min({growth_, fits, max_jobs_ - jobs_, chunk_for_subxids()}));
}

void GroupPace::chunk_done(int jobs, Micros took, int subxids_total, Instant now) noexcept {
    elapsed_ = std::max(elapsed_, now - started_);
    subxids_ = std::max(subxids_, subxids_total);
    if (jobs <= 0) return;
    jobs_ += jobs;
    // Twice what the old pace allowed, not twice what growth alone would: after a slow spell the chunk grows
    // step by step.
    growth_ = std::min(2 * std::min(growth_, measured_ ? chunk_that_fits(kChunkTarget) : 1), kMaxChunk);
    // The old pace weighs as much as three jobs, so a full chunk replaces it and a single odd job does not.
    constexpr std::int64_t kOldWeight = 3;
    const std::int64_t took_nanos = saturating_mul(std::max(took, Micros{}).us, 1000);
    const std::int64_t old_nanos = saturating_mul(nanos_per_job_, kOldWeight);
    nanos_per_job_ =
        measured_ ? saturating_add(old_nanos, took_nanos) / (kOldWeight + jobs) : took_nanos / jobs;
    measured_ = true;
}

int GroupPace::chunk_that_fits(Micros time) const noexcept {
    if (nanos_per_job_ <= 0) return kMaxChunk;
    const std::int64_t fits = saturating_mul(time.us, 1000) / nanos_per_job_;
    return static_cast<int>(std::clamp<std::int64_t>(fits, 1, kMaxChunk));
}

// A job takes one subtransaction id when it writes, more when its handler catches errors: what the group's
// jobs took so far, on average and rounded up, is expected of the next ones too.
int GroupPace::chunk_for_subxids() const noexcept {
    const int per_job = jobs_ == 0 ? 1 : std::max(1, (subxids_ + jobs_ - 1) / jobs_);
    return (kMaxGroupSubxids - subxids_) / per_job;
}

}  // namespace foreman::core
