// Batches: jobs whose end, all together, enqueues other jobs. A batch is filled by enqueue(batch_id => ...);
// the dispatcher looks whether its last job has ended (store/jobs/blocked.hpp). Invariant: each callback is
// enqueued once, in the transaction that notes it in the batch's row; a batch that is finished takes no more
// jobs.
#pragma once

#include <optional>
#include <string_view>

#include "core/time.hpp"
#include "pg/prelude.hpp"

namespace foreman::store {

struct NewBatch {
    std::string_view name;
    std::optional<std::string_view> on_success, on_complete, on_discard;
};
int64 insert_batch(const NewBatch& batch);

/// does: keeps the batch open until the caller's transaction ends.
/// errors: 22023 when there is none that the user may fill, 55000 when it is finished
void join_batch(int64 batch_id);

enum class BatchLook { open, locked, done };
/// does: enqueues the callbacks that are due. locked: somebody is filling it filled: something has been
///     committed about a job of it, so that one whose jobs have all been deleted is told from one that waits
///     for its first
BatchLook look_at_batch(int64 batch_id, bool filled, core::Instant now);
/// The least open one above `id`. false: there is none.
bool next_open_batch(int64* id);

}  // namespace foreman::store
