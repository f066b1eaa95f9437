// One question of why(): the job, what was read of it, and the functions that look for what is in its way.
// Made by reasons_of(). A function check_x() adds a reason where x is in the way, and nothing where it is not;
// add_x() adds one.
#pragma once

#include <optional>
#include <string_view>

#include "board/board.hpp"
#include "board/slots.hpp"
#include "board/tables.hpp"
#include "core/job_state.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/definitions.hpp"
#include "store/jobs/find.hpp"
#include "store/why/detail.hpp"
#include "store/why/why.hpp"

namespace foreman::store {

// What was found of a job, wherever it is.
struct AskedJob {
    int64 id;
    Place place;
    std::optional<core::BlockedOn> blocked_on;
    core::StoredState state;
    int16 attempt;
    std::string_view queue, kind, reason, concurrency_key, sequence_key, unique_key, worker;
    core::Instant run_at, claimed_at;  // of ended jobs, run_at is when they ended
    int32 worker_pid;
    TransactionId xmax;
    int16 priority, alone, interruptions;
    std::optional<core::Instant> leased_until;  // as the row has it
};

class Question {
  public:
    Question(core::Instant now, pg::vector<Reason>* out)
        : now_(now), memory_(CurrentMemoryContext), executors_(&memory_), out_(*out) {}

    void answer(int64 job_id);

  private:
    // Values in there outlive the owner's scopes, whose own memory goes with them.
    MemoryContext context() const noexcept { return memory_.context(); }
    Datum keep_value(const pg::Row& row, int column) const;
    bool read(int64 job_id);
    void read_executors();
    void add(const char* reason, Detail& detail, std::optional<core::Instant> until = std::nullopt) {
        out_.push_back({reason, detail.done(), until});
    }

    // What the row says of the job itself.
    void add_end();
    const board::SlotReading* runs_in() const;
    void add_running(int32 pid, std::optional<core::Instant> since);
    void check_interruptions();
    bool check_holder();
    void check_run_at();
    // What it shares with other jobs (reasons_of_queue.cpp).
    void list_holders(pg::vector<int64>* holders);
    void check_queue_limits();
    void check_queue();
    void check_key();
    void check_sequence();
    void check_awaited_ends();
    // What it needs of the server (reasons_of_server.cpp).
    void add_full_table(board::BoardTable table);
    void check_room();
    void check_handler();
    void check_workers(const Handler& h);
    void check_executors(Oid role);

    const core::Instant now_;
    pg::ContextResource memory_;
    pg::vector<board::SlotReading> executors_;  // of this database
    int busy_ = 0;                              // of all databases
    pg::vector<Reason>& out_;
    AskedJob job_{};
};

}  // namespace foreman::store
