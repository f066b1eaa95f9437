// Dead letters of workflows: jobs of effects, undos, inputs and timers that were discarded, by the workflow that they
// belong to.
#pragma once

#include <optional>
#include <string_view>

#include "pg/datum.hpp"
#include "pg/memory.hpp"

namespace foreman::store {

struct WorkflowDeadFilter {
    std::optional<std::string_view> type, id;
    char origin = '\0';  ///< of the job; 0: all
    std::optional<int64> before_id;
    int64 max_rows = 0;
};
/// does: puts the dead letters that match into rows, the latest first: those of queues that the caller operates.
void put_workflow_dead_letters(const WorkflowDeadFilter& filter, pg::ResultSet* rows);
int64 count_workflow_dead_letters(const WorkflowDeadFilter& filter);
/// How many inputs of any workflow are dead letters, whoever asks.
int64 dead_workflow_inputs();
/// The ids of those that match.
void workflow_dead_ids(const WorkflowDeadFilter& filter, pg::vector<int64>* out);

}  // namespace foreman::store
