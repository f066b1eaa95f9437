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
    if (jobs_ > 0 && (jobs_ >= max_jobs_ || left <= Micros{} || subxids_ >= kMaxGroupSubxids)) return 0;
    const int fits = measured_ ? chunk_that_fits(std::min(left, kChunkTarget)) : 1;
    return std::max(1, std::min({growth_, fits, max_jobs_ - jobs_, chunk_for_subxids()}));
}

void GroupPace::chunk_done(int jobs, Micros took, int subxids_total, Instant now) noexcept {
    elapsed_ = std::max(elapsed_, now - started_);
    subxids_ = std::max(subxids_, subxids_total);
    if (jobs <= 0) return;
    jobs_ += jobs;
    growth_ = std::min(growth_ * 2, kMaxChunk);
    const std::int64_t sample = saturating_mul(std::max(took, Micros{}).us, 1000) / jobs;
    // A quarter of the newest: four chunks of another pace and the old one is a third of the average.
    nanos_per_job_ = measured_ ? nanos_per_job_ - nanos_per_job_ / 4 + sample / 4 : sample;
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
