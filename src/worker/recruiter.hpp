// The part of the dispatcher that finds due ranges on the board and sees to it that an executor of their role
// runs. Invariant: for every role with due work an executor is awake, starting, or a demand for one stands on
// the board.
#pragma once

#include "board/slots.hpp"
#include "pg/launch.hpp"
#include "pg/memory.hpp"

namespace foreman::worker {

class Recruiter {
  public:
    explicit Recruiter(Oid database);

    struct Round {
        core::Instant next_due;
        core::Instant retry;  // steady clock: when a role that could not have an executor is looked at again
    };
    /// One look at all ranges of the database.
    /// cost: 64 bytes a range
    Round look(core::Instant now);
    /// The database runs nothing now: others need not wait for its roles. Answers that nothing is due.
    core::Instant rest() noexcept;

  private:
    static constexpr std::size_t kRolesAtOnce = 128;
    struct RoleNeed {
        Oid role;
        int due_ranges;
    };
    struct Started {
        int slot;
        Oid role;
        pg::WorkerHandle handle;
    };
    struct Bad {
        Oid role;
        pg::SessionBar bar;  // none: its sessions failed for another reason, which the server logged
        int failures;
        core::Instant not_before;  // steady clock, as all that follows but `now`
    };
    core::Instant serve(const RoleNeed& need, core::Instant now, core::Instant steady);
    bool start_executor(int slot, Oid role);
    void reap_failed_starts(core::Instant steady);
    void free_slots_of_others() const;
    bool is_barred(Oid role, core::Instant steady);
    Bad* find_bad(Oid role);
    void forget_bad(Oid role);
    void say_failing(Oid role);

    const Oid database_;
    pg::Context context_;
    pg::ContextResource memory_;
    pg::vector<Started> started_;
    pg::vector<Bad> bad_;      // roles whose executors could not start
    Oid passed_ = InvalidOid;  // roles up to this one had their turn
    bool slots_exhausted_said_ = false;
    bool failing_said_ = false;
};

}  // namespace foreman::worker
