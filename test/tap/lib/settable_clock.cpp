// A wall clock that a test can set: what the kernel says, and an offset in microseconds that the test writes
// into the file named by FOREMAN_CLOCK. Preloaded into the server by 042_clock_steps.pl, which compiles it.
// Invariant: only the wall clock steps, the monotonic one goes on, as when an administrator sets the clock;
// and every function here may be called in a signal handler, as those that it stands for.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace {

constexpr std::int64_t kNanos = 1'000'000'000;
const volatile std::int64_t* offset_us = nullptr;

__attribute__((constructor)) void find_offset() {
    const char* name = std::getenv("FOREMAN_CLOCK");
    const int file = name == nullptr ? -1 : open(name, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    void* page = mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (page != MAP_FAILED) offset_us = static_cast<const volatile std::int64_t*>(page);
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* t) noexcept {
    const int failed = static_cast<int>(syscall(SYS_clock_gettime, clock, t));
    if (failed != 0 || offset_us == nullptr || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
        return failed;
    const std::int64_t nanos = t->tv_sec * kNanos + t->tv_nsec + *offset_us * 1000;
    t->tv_sec = nanos / kNanos;
    t->tv_nsec = nanos % kNanos;
    return 0;
}

int gettimeofday(timeval* t, void*) noexcept {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t* t) noexcept {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    if (t != nullptr) *t = now.tv_sec;
    return now.tv_sec;
}
}
