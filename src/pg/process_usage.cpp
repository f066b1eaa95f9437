// See process_usage.hpp.
#include "pg/process_usage.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "pg/call.hpp"

namespace foreman::pg {

namespace {

// The first bytes of a file of /proc; 0: there are none.
std::size_t read_start(int pid, const char* file, char* text, std::size_t size) noexcept {
    char path[64];
    std::snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
    std::FILE* f = std::fopen(path, "r");
    if (f == nullptr) return 0;
    const std::size_t n = std::fread(text, 1, size - 1, f);
    std::fclose(f);
    text[n] = '\0';
    return n;
}

}  // namespace

bool process_usage(int pid, ProcessUsage* out) noexcept {
    char text[1024];
    if (read_start(pid, "stat", text, sizeof(text)) == 0) return false;
    // The name, in parentheses, may hold anything: fields are counted behind the last of them.
    const char* fields = std::strrchr(text, ')');
    unsigned long user = 0;
    unsigned long system = 0;
    if (fields == nullptr ||
        std::sscanf(fields, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        return false;
    out->cpu_seconds = static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
    unsigned long pages = 0;
    unsigned long shared = 0;
    if (read_start(pid, "statm", text, sizeof(text)) == 0 ||
        std::sscanf(text, "%*u %lu %lu", &pages, &shared) != 2)
        return false;
    out->resident_bytes = static_cast<int64>(pages > shared ? pages - shared : 0) * sysconf(_SC_PAGESIZE);
    return true;
}

bool waits_for_standby(int pid) {
    const PGPROC* process = pid > 0 ? call<&BackendPidGetProc>(pid) : nullptr;
    return process != nullptr && process->syncRepState == SYNC_REP_WAITING;
}

}  // namespace foreman::pg
