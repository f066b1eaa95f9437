// The one way in which a job that somebody holds is settled: how the attempt ended (Attempt) is judged by
// core::decide() (Verdict), a request for the job is obeyed, and the job is put back, or recorded as ended (Ended) in
// history or among the dead letters. Used by the group of an executor, lane procedure, outside workers and the
// dispatcher's rescues. Invariant: a job that was handed in is in exactly one place after finish().
#pragma once

#include "store/jobs/jobs.hpp"
#include "store/jobs/requests.hpp"

namespace foreman::store {

/// How an attempt ended, with what its handler or its worker said. Texts and values live until finish().
struct Attempt {
    core::Outcome outcome = core::Outcome::completed;
    bool alone_next = false;                 // if it runs again, then in a transaction of its own
    core::Micros run_in{};                   // snoozed
    std::optional<core::Micros> retry_in{};  // failed: instead of the backoff
    std::optional<Datum> result{};
    std::string_view reason{};  // ends with a zero byte
    std::optional<AttemptError> error{};
    std::optional<core::Instant> started_at{};  // nothing: it did not start
};

class Settlement {
  public:
    /// context: lives until finish()
    explicit Settlement(MemoryContext context);
    Settlement(const Settlement&) = delete;
    Settlement& operator=(const Settlement&) = delete;

    void reserve(std::size_t jobs) { ended_.reserve(jobs); }
    /// does: decides what follows, and puts the job back or keeps it for finish().
    /// returns: what became of it: the verdict, or what somebody had asked for
    /// needs: `job` lives until finish(); its row taken, or held, in this transaction
    core::Next settle(const Job& job, const Attempt& attempt);
    /// A job that is about to start is cancelled, deleted, moved or has expired instead.
    /// returns: what became of it; nothing: it may start
    std::optional<core::Next> settle_before_start(const Job& job);
    /// does: records all jobs that ended, in one statement for all that go to history.
    void finish();

  private:
    struct Again {  // how a job is put back
        int attempt;
        int16 alone;
        core::Instant run_at;
        std::optional<Datum> errors;
    };
    core::Next settle_broken_off(const Job& job, const Attempt& attempt);
    core::Next put_back_unless_asked(const Job& job, const Attempt& attempt, const Again& again,
                                     core::Next otherwise);
    core::Next put_back_or_move(const Job& job, const Request& request, const Again& again,
                                core::Next answer);
    void end(const Job& job, core::Next next, int attempt, std::optional<core::Instant> started_at,
             std::optional<Datum> result, std::string_view reason, std::optional<Datum> errors);

    MemoryContext context_;
    pg::ContextResource memory_;
    pg::vector<Ended> ended_;
};

/// The same for one job.
core::Next settle(const Job& job, const Attempt& attempt, MemoryContext context);

/// All jobs that outside workers hold, given back uncharged: for a copy of a database, where nobody can hold
/// one.
void release_all_leases();

}  // namespace foreman::store
