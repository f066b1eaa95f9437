// See deferred.hpp. PostgreSQL fires them inside the commit, where nothing of ours could interrupt them.
#include "engine/deferred.hpp"

#include "board/my_slot.hpp"
#include "board/settings.hpp"
#include "engine/deadline.hpp"
#include "pg/call.hpp"
#include "pg/latch.hpp"

namespace foreman::engine {

namespace {

// Behind this the others of the group wait for their commit.
constexpr core::Micros kPatience = core::seconds(1);

// The one job of the transaction is again what this executor runs: cancel and the flight recorder find it.
class Published {
  public:
    explicit Published(Group& group) : alone_(group.jobs().size() == 1) {
        if (!alone_) return;
        const store::Job& job = group.jobs().front();
        board::slot_begin_job(job.job_id, job.kind, job.queue, job.attempt + 1, pg::clock_now());
    }
    ~Published() {
        if (alone_) board::slot_end_job(false);
    }
    Published(const Published&) = delete;
    Published& operator=(const Published&) = delete;

  private:
    const bool alone_;
};

}  // namespace

bool run_deferred_triggers(Group& group) {
    if (group.ran() == 0) return true;
    const bool shared = group.jobs().size() > 1;
    const core::Micros limit = shared ? std::min(group.least_timeout(), kPatience) : group.least_timeout();
    const Published published(group);
    begin_deadline(limit, pg::kForever, core::milliseconds(settings::cancel_grace_ms));
    release_cancel();
    try {
        pg::call<&AfterTriggerFireDeferred>();
        hold_cancel();
        end_deadline();
        return true;
    } catch (const pg::PgError& e) {
        hold_cancel();
        const Fired fired = end_deadline().fired;
        const int64 target = board::take_interrupt_target();
        if (e.sqlstate() != ERRCODE_QUERY_CANCELED) throw;
        if (fired == Fired::nothing && target == 0) throw;
        if (fired == Fired::nothing || ShutdownRequestPending) return false;
        throw pg::Failure(ERRCODE_QUERY_CANCELED, "handler timed out after " INT64_FORMAT " ms",
                          limit.us / 1000);
    }
}

}  // namespace foreman::engine
