// Tasks: what workers outside the server decide. A running instance of a type without decide has a job of kind
// "workflow-task:TYPE" (origin workflow_task, origin_id the instance) whenever something happened that no worker has
// seen. It is leased, extended and given back as every job of an outside worker is.
// Invariants: the tasks of an instance have one sequence_key, so at most one of them is leased; workflow_instance.task is
// the last one that was made. Whoever makes one holds the row of the instance.
#pragma once

#include <optional>
#include <string_view>

#include "core/time.hpp"
#include "core/workflow.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"
#include "store/workflows/types.hpp"

namespace foreman::store {

/// The kind of a type's tasks; with a version those that only workers of that version get. In CurrentMemoryContext.
std::string_view task_kind(std::string_view type, std::string_view version = {});

inline bool is_decided_outside(const WorkflowType& type) noexcept { return *type.decide == '\0'; }

/// does: sees to it that a worker looks at the instance after this transaction: unless a task waits already, one is made.
///     Behind one that is leased it becomes due when that one is given back. Not for instances that ended or are parked.
/// cost: two reads by key; one INSERT and an UPDATE where a task is made
void make_task_due(const WorkflowType& type, std::string_view id, int64 instance);
/// does: takes the task of an instance away, unless somebody has it.
/// returns: whether there was one
bool drop_task(int64 instance);

/// does: a worker has done this task: it is not the one that the instance has any more, and what came so far is seen.
/// needs: the row of the instance is locked
void finish_task(int64 instance, int64 job_id);

struct Task {
    std::string_view type, id, version;
    int64 sequence = 0;   ///< of the last event in the history
    bool wanted = false;  ///< the instance runs and is not parked
    Datum history = 0;    ///< jsonb: [{"sequence", "type", "data", "at"}, ...]
};
/// The instance as it is now, also in a transaction that keeps its snapshot; texts and history in `context`.
/// returns: false when it is gone
bool read_task(int64 instance, MemoryContext context, Task* out);
/// From now on only workers of this version get its tasks. Nothing where somebody holds the instance: the next claim
/// says it again.
void pin_version(int64 instance, std::string_view version);
/// The task of an instance that is leased under this token.
std::optional<int64> find_leased_task(const WorkflowType& type, int64 instance, const pg::UuidBytes& token);

/// does: no task of the instance is due until somebody resumes it. `details`: an object that is shown with the reason.
void park_instance(int64 instance, std::string_view reason, std::optional<Datum> details, core::Instant at);
/// returns: false when it is not parked
bool resume_instance(int64 instance);

/// The key of the first timer that a wait for this signal set and that has not fired.
std::optional<std::string_view> find_wait_timer(const WorkflowType& type, int64 instance,
                                                std::string_view name);
/// What the timer of a command gives to the instance: {"type": WORD:SEQUENCE, "name": NAME}.
Datum timer_payload(std::string_view word, int64 sequence, std::string_view name);
/// One event as an array: {"input": payload}, with the name where there is one.
Datum given_event(std::string_view event_type, Datum payload, std::optional<std::string_view> name);
/// One event as an array: the payload without its type, with the sequence of the command that it follows from.
Datum told_event(std::string_view event_type, Datum payload, std::optional<int64> sequence);

}  // namespace foreman::store
