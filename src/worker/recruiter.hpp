// The part of the dispatcher that finds due ranges on the board and sees to it that an executor of their role
// runs. Invariant: for every role with due work an executor is awake, starting, or a demand for one stands on
// the board.
#pragma once

#include "pg/launch.hpp"
#include "pg/memory.hpp"
#include "store/slots.hpp"

namespace foreman::worker {

class Recruiter {
  public:
    explicit Recruiter(Oid database);

    struct Round {
        core::Instant next_due;
        bool unmet;  // some role wants an executor and could not have one
    };
    /// One look at all ranges of the database. cost: 64 bytes a range
    Round look(core::Instant now);

  private:
    struct RoleNeed {
        Oid role;
        int due_ranges;
    };
    struct Started {
        int slot;
        Oid role;
        pg::WorkerHandle handle;
    };
    bool serve(const RoleNeed& need, core::Instant now);
    bool start_executor(int slot, Oid role);
    void reap_failed_starts(core::Instant now);
    bool resting(Oid role, core::Instant now) const;

    const Oid database_;
    pg::Context context_;
    pg::ContextResource memory_;
    pg::vector<RoleNeed> needs_;
    pg::vector<Started> started_;
    struct Bad {
        Oid role;
        int failures;
        core::Instant not_before;
    };
    pg::vector<Bad> bad_;  // roles whose executors could not start
    bool slots_exhausted_said_ = false;
};

}  // namespace foreman::worker
