// Events whose data is replaced, and snapshots that are forgotten with it.
#pragma once

#include <string_view>

#include "pg/memory.hpp"
#include "pg/prelude.hpp"

namespace foreman::store {

struct Run {
    int64 instance, sequence;
};
/// The instances that had this id, the first one first.
void runs_of(std::string_view type, std::string_view id, pg::vector<Run>* out);
/// returns: false when it has this data already
/// needs: the row of the instance that has the id now is locked
bool replace_event_data(int64 instance, int64 sequence, Datum data);
/// does: takes the snapshot away.
void forget_state(int64 instance);
/// {"masker": ..., "events": ...}, in CurrentMemoryContext.
Datum masking_record(std::string_view masker, int64 events);

}  // namespace foreman::store
