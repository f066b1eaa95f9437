// Instances of workflows as dashboards and operators look for them.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "core/time.hpp"
#include "core/workflow.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"

namespace foreman::store {

/// The types of workflows whose queues the caller sees, or sees the args of, as text.
void seen_workflow_types(bool with_args, MemoryContext context, pg::vector<Datum>* out);

struct InstanceFilter {
    std::span<const Datum> types;  ///< as text
    char state = '\0';             ///< of workflow_instance; 0: all
    std::optional<Datum> search;
    std::optional<core::Instant> since;
    std::optional<int64> before;
    int64 max_rows = 0;
};
/// The numbers of the instances that match, the greatest first.
/// cost: at most max_rows index entries for each type and state; with `search` all instances that have these attributes
void find_instances(const InstanceFilter& filter, pg::vector<int64>* out);

/// does: puts the rows that the caller sees of these instances, as the view foreman.workflows has them, the greatest
///     number first.
void put_workflows(std::span<const int64> instances, pg::ResultSet* rows);

/// An instance as its history is checked.
struct Sample {
    int64 instance, sequence;
    std::string_view id;
    core::InstanceState state;
    std::optional<Datum> folded;
    int64 folded_sequence, folded_by;
};
/// The newest instances of a type.
void read_sample(std::string_view type, int64 max, MemoryContext context, pg::vector<Sample>* out);
/// An accepted input that was kept, and the events that it was answered with.
struct KeptInput {
    int64 first_sequence;
    Datum payload, recorded;  ///< recorded: [{"type", "data", "version"}, ...]
    core::Instant at;         ///< what decide was told as now
};
/// The kept inputs of an instance in the order of their events; none when its events have been masked.
void read_kept_inputs(std::string_view type, const Sample& instance, MemoryContext context,
                      pg::vector<KeptInput>* out);
/// {"input", "recorded", "decided"} where what decide answers now, events as it wrote them, is not what is recorded; in
/// CurrentMemoryContext.
std::optional<Datum> decision_difference(const KeptInput& input, Datum decided);
/// {"stored": ..., "folded": ...}, in CurrentMemoryContext.
Datum both_states(Datum stored, Datum folded);

/// Which types of events followed one another in the newest `sample` instances of a type, as a flowchart in Mermaid;
/// in CurrentMemoryContext.
std::string_view event_graph(std::string_view type, int sample);

}  // namespace foreman::store
