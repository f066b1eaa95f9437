// The clerk: the process that records runs of cron.job in cron.job_run_details, and does nothing else. Users
// have triggers and locks on that table; what is slow there or raises holds up the clerk alone. It is a
// session of the table's owner, so that triggers see no settings of the roles whose commands run. The
// dispatcher starts it when a run is to be recorded; it ends when there was nothing to do for a while.
// Invariant: a database has at most one.
#pragma once

#include "core/time.hpp"
#include "pg/launch.hpp"

namespace foreman::worker {

struct ClerkTicket {
    Oid database, role;
};

/// The dispatcher's hold on the clerk of its database.
class Clerk {
  public:
    explicit Clerk(Oid database) : database_(database) {}

    /// A run is to be recorded.
    void wake() noexcept { wanted_ = true; }
    /// Wakes the clerk, or starts one, when it is wanted. Needs no transaction open.
    void keep(core::Instant steady);
    /// The clerk that this process started has ended: keep() is to be called.
    bool ended() const { return handle_ && handle_->status() == BGWH_STOPPED; }
    /// When to call keep() again, by the steady clock.
    core::Instant retry() const noexcept { return wanted_ ? not_before_ : core::kPlusInfinity; }

  private:
    void start(Oid role, core::Instant steady);

    const Oid database_;
    std::optional<pg::WorkerHandle> handle_;
    bool wanted_ = true;  // somebody may have left notes
    bool said_ = false;
    core::Instant not_before_{core::kMinusInfinity};
};

void clerk_main(const ClerkTicket& ticket);

}  // namespace foreman::worker
