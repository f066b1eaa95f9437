// See key_gate.hpp.
#include "store/jobs/key_gate.hpp"

#include <algorithm>

#include "board/permits.hpp"
#include "store/commit/remember.hpp"
#include "store/db/clock.hpp"
#include "store/definitions/definitions.hpp"

namespace foreman::store {

namespace {

// More jobs of one concurrency key than this in one chunk, and the rest of the key waits for its next turn,
// so that a key with a million jobs does not starve one with ten.
constexpr int kTurn = 32;
constexpr int kParkAtOnce = 2000;
constexpr int kLookAhead = 256;

bool same_key(const Job& a, const Job& b) noexcept {
    return a.concurrency_key == b.concurrency_key && a.queue == b.queue;
}
bool same_sequence(const Job& a, const Job& b) noexcept {
    return a.sequence_key == b.sequence_key && a.queue == b.queue;
}

class Gatekeeper {
  public:
    Gatekeeper(pg::vector<Job>* jobs, std::size_t first, board::Running running)
        : jobs_(jobs),
          first_(first),
          running_(running),
          memory_(CurrentMemoryContext),
          kept_(&memory_),
          full_keys_(&memory_),
          full_sequences_(&memory_),
          next_ids_(&memory_) {}

    bool work();  // false: the board has no room for the key of some

  private:
    void order_sequences();
    bool had_its_turn(const Job& job) const;
    bool is_next(const Job& job);
    bool may_start(Job* job);

    pg::vector<Job>* const jobs_;
    const std::size_t first_;
    const board::Running running_;
    pg::ContextResource memory_;
    pg::vector<Job> kept_, full_keys_, full_sequences_;
    pg::vector<int64> next_ids_;  // of the sequence that was looked at last
    const Job* looked_at_ = nullptr;
    bool no_room_ = false;
};

// Claimed in the order of run_at; a sequence runs in the order of ids.
void Gatekeeper::order_sequences() {
    for (std::size_t i = first_; i < jobs_->size(); i++) {
        Job& a = (*jobs_)[i];
        if (a.sequence_key.empty()) continue;
        for (std::size_t k = i + 1; k < jobs_->size(); k++) {
            Job& b = (*jobs_)[k];
            if (same_sequence(a, b) && b.job_id < a.job_id) std::swap(a, b);
        }
    }
}

bool Gatekeeper::had_its_turn(const Job& job) const {
    return std::count_if(kept_.begin(), kept_.end(), [&job](const Job& k) { return same_key(k, job); }) >=
           kTurn;
}

// Whether all older jobs of its sequence stand before it in this group; the rows of what the group has run
// are still there.
bool Gatekeeper::is_next(const Job& job) {
    const auto same = [&job](const Job& k) { return same_sequence(k, job); };
    const auto before = static_cast<std::size_t>(
        std::count_if(jobs_->begin(), jobs_->begin() + static_cast<std::ptrdiff_t>(first_), same) +
        std::count_if(kept_.begin(), kept_.end(), same));
    if (before > 0 && running_ == board::Running::at_once) return false;
    if (looked_at_ == nullptr || !same_sequence(*looked_at_, job)) {
        next_ids_.clear();
        sequence_order(job.queue, job.sequence_key, find_queue(job.queue).skip_later, SequencePart::all,
                       now(), kLookAhead, &next_ids_);
        looked_at_ = &job;
    }
    return before < next_ids_.size() && next_ids_[before] == job.job_id;
}

// What finds no room for its key waits as it is: nobody could tell the dispatcher when to let it go.
bool Gatekeeper::may_start(Job* job) {
    const bool share = running_ == board::Running::one_after_another;
    if (!job->concurrency_key.empty()) {
        const board::KeyName key{core::BlockedOn::key, job->queue, job->concurrency_key};
        board::Hold held = board::Hold::in_use;
        if (!had_its_turn(*job))
            held =
                board::hold_key(key, find_queue(job->queue).max_running_per_key, share, &job->key_entries[0]);
        no_room_ = no_room_ || held == board::Hold::no_room;
        if (held == board::Hold::in_use) full_keys_.push_back(*job);
        if (held != board::Hold::yes) return false;
    }
    if (!job->sequence_key.empty()) {
        const board::KeyName key{core::BlockedOn::sequence, job->queue, job->sequence_key};
        const board::Hold held = board::hold_key(key, 1, share, &job->key_entries[1]);
        no_room_ = no_room_ || held == board::Hold::no_room;
        if (held == board::Hold::no_room) return false;
        if (held == board::Hold::in_use || !is_next(*job)) {
            full_sequences_.push_back(*job);
            return false;
        }
    }
    return true;
}

bool Gatekeeper::work() {
    order_sequences();
    for (std::size_t i = first_; i < jobs_->size(); i++) {
        if (may_start(&(*jobs_)[i])) kept_.push_back((*jobs_)[i]);
    }
    park({full_keys_.data(), full_keys_.size()}, core::BlockedOn::key);
    park({full_sequences_.data(), full_sequences_.size()}, core::BlockedOn::sequence);
    // Where many of one key stood together, or nothing else was found (a claim of one job finds no more),
    // more of it stand behind, most likely. One by one, a claim behind 10,000 of them took 12 s.
    if (!full_keys_.empty() && (kept_.empty() || full_keys_.size() > kTurn / 2))
        park_rest(full_keys_.back(), kParkAtOnce);
    if (!full_sequences_.empty() && kept_.empty()) park_rest_of_sequence(full_sequences_.back(), kParkAtOnce);
    jobs_->erase(jobs_->begin() + static_cast<std::ptrdiff_t>(first_), jobs_->end());
    jobs_->insert(jobs_->end(), kept_.begin(), kept_.end());
    return !no_room_;
}

}  // namespace

bool pass_gate(pg::vector<Job>* jobs, std::size_t first, board::Running running) {
    const bool guarded =
        std::any_of(jobs->begin() + static_cast<std::ptrdiff_t>(first), jobs->end(),
                    [](const Job& j) { return !j.concurrency_key.empty() || !j.sequence_key.empty(); });
    if (!guarded) return true;
    watch_transaction();
    return Gatekeeper(jobs, first, running).work();
}

}  // namespace foreman::store
