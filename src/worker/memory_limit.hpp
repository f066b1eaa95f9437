// How much memory an executor may take: foreman.executor_memory_limit, beyond what it has at its start.
#pragma once

namespace foreman::worker {

/// does: limits the address space of this process; nothing when the setting is 0.
void limit_memory();

}  // namespace foreman::worker
