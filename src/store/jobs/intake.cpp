// See intake.hpp. Whatever takes something on the board watches the transaction first, whose end gives it back.
#include "store/jobs/intake.hpp"

#include "store/commit/remember.hpp"
#include "store/definitions/definitions.hpp"
#include "store/jobs/key_gate.hpp"

namespace foreman::store {

Intake::Intake(uint32 entry, std::string_view queue, int wanted, board::Running running, core::Instant now)
    : entry_(entry), running_(running) {
    if (is_on_board()) {
        watch_transaction();
        places_ = board::take_places(entry, wanted, running, now);
        return;
    }
    places_ = wanted;
    if (!board::board_present()) return;
    const Queue& q = find_queue(queue);
    if (q.max_running > 0 || q.rate_limit > 0) places_ = 0;
}

void Intake::claimed(int jobs) noexcept {
    board::not_started(entry_, places_ - jobs, running_);
    places_ = jobs;
}

bool Intake::pass_gate(pg::vector<Job>* jobs, std::size_t first) {
    const bool room = store::pass_gate(jobs, first, running_);
    claimed(static_cast<int>(jobs->size() - first));
    return room;
}

}  // namespace foreman::store
