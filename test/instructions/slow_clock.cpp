// A clock that goes a thousand times slower, preloaded into the server whose instructions are counted. Under
// valgrind everything takes some fifty times longer than it should; an executor, which chooses its groups by time,
// would make other groups, and those of a slow machine would be smaller than those of a fast one.
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>

namespace {

constexpr long kSlower = 1000;
constexpr long kSecond = 1000000000;

using ClockGettime = int (*)(clockid_t, timespec*);

// Set before any child of the postmaster is there, so all processes have the same.
timespec g_began[2];
ClockGettime g_real = nullptr;

timespec slowed(const timespec& now, const timespec& began) {
    const long passed = (now.tv_sec - began.tv_sec) * kSecond + now.tv_nsec - began.tv_nsec;
    const long nanos = began.tv_nsec + passed / kSlower;
    return {began.tv_sec + nanos / kSecond, nanos % kSecond};
}

__attribute__((constructor)) void begin() {
    g_real = reinterpret_cast<ClockGettime>(dlsym(RTLD_NEXT, "clock_gettime"));
    g_real(CLOCK_REALTIME, &g_began[0]);
    g_real(CLOCK_MONOTONIC, &g_began[1]);
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* out) noexcept {
    if (g_real == nullptr) begin();
    timespec now{};
    const int status = g_real(clock, &now);
    *out = clock == CLOCK_REALTIME    ? slowed(now, g_began[0])
           : clock == CLOCK_MONOTONIC ? slowed(now, g_began[1])
                                      : now;
    return status;
}

extern "C" int gettimeofday(timeval* out, void*) noexcept {
    timespec now{};
    const int status = clock_gettime(CLOCK_REALTIME, &now);
    *out = {now.tv_sec, now.tv_nsec / 1000};
    return status;
}
