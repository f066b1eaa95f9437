// See memory_limit.hpp.
#include "worker/memory_limit.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "board/settings.hpp"

namespace foreman::worker {

namespace {

// Of this process, in bytes; 0 where the system does not tell.
rlim_t address_space_in_use() {
    std::FILE* statm = std::fopen("/proc/self/statm", "r");
    if (statm == nullptr) return 0;
    unsigned long pages = 0;
    if (std::fscanf(statm, "%lu", &pages) != 1) pages = 0;
    std::fclose(statm);
    return static_cast<rlim_t>(pages) * static_cast<rlim_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

void limit_memory() {
    if (settings::executor_memory_limit_mb <= 0) return;
    // Above what is mapped already: shared memory counts as address space too.
    struct rlimit limit {};
    const rlim_t wanted =
        static_cast<rlim_t>(settings::executor_memory_limit_mb) * 1024 * 1024 + address_space_in_use();
    getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? wanted : std::min(wanted, limit.rlim_max);
    setrlimit(RLIMIT_AS, &limit);
}

}  // namespace foreman::worker
