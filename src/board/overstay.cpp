// See overstay.hpp.
#include "board/overstay.hpp"

#include <csignal>

namespace foreman::board {

void Overstayers::end(Oid database, Instant now, core::Micros grace) noexcept {
    for (int i = 0; i < kMaxSlots; i++) {
        ExecutorSlot& s = board().slots[i];
        const auto target = static_cast<int64>(pg_atomic_read_u64(&s.interrupt_target));
        const auto job = static_cast<int64>(pg_atomic_read_u64(&s.current_job));
        const int32 pid = s.pid;
        if (s.database != database || pid <= 0 || job == 0 || job != target) {
            seen_[i] = {};
        } else if (seen_[i].job_id != job) {
            seen_[i] = {job, now, false};
        } else if (!seen_[i].ended && now - seen_[i].since >= grace) {
            seen_[i].ended = true;
            kill(pid, SIGTERM);
        }
    }
}

}  // namespace foreman::board
