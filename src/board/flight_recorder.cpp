// See flight_recorder.hpp. The directory pg_stat_tmp is left out by base backups and pg_rewind.
#include "board/flight_recorder.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "board/parts.hpp"

namespace foreman::board {

namespace {

constexpr const char* kPath = "pg_stat_tmp/pg_foreman.recorder";
constexpr uint64 kMagic = 0x666F72656D616E32;  // "foreman2"

enum class Flight : uint32 { idle = 0, running = 1, bystander = 2 };

struct FlightSlot {
    volatile uint32 state;  // Flight
    Oid database;
    uint32 count;
    uint32 unused;
    int64 job_ids[core::kMaxChunk];
};

struct Recorder {
    uint64 magic;
    uint64 system_identifier;
    uint64 inode;
    char boot_id[40];
    volatile uint32 launcher_signalled;
    uint32 unused;
    FlightSlot slots[kMaxSlots];
};

constinit Recorder* g_recorder = nullptr;

void read_boot_id(char (&out)[40]) noexcept {
    std::memset(out, 0, sizeof(out));
    const int fd = ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    const ssize_t n = ::read(fd, out, sizeof(out) - 1);
    (void)n;
    ::close(fd);
}

bool is_ours(const Recorder& r, uint64 inode) noexcept {
    char boot[40];
    read_boot_id(boot);
    return r.magic == kMagic && r.system_identifier == GetSystemIdentifier() && r.inode == inode &&
           std::memcmp(r.boot_id, boot, sizeof(boot)) == 0;
}

void start_anew(Recorder* r, uint64 inode) noexcept {
    std::memset(static_cast<void*>(r), 0, sizeof(Recorder));
    r->system_identifier = GetSystemIdentifier();
    r->inode = inode;
    read_boot_id(r->boot_id);
    r->magic = kMagic;
}

}  // namespace

bool open_recorder() noexcept {
    if (g_recorder != nullptr) return true;
    const int fd = ::open(kPath, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    struct stat st {};
    void* area = MAP_FAILED;
    if (::fstat(fd, &st) == 0 &&
        (st.st_size >= static_cast<off_t>(sizeof(Recorder)) || ::ftruncate(fd, sizeof(Recorder)) == 0))
        area = ::mmap(nullptr, sizeof(Recorder), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    if (area == MAP_FAILED) return false;
    auto* r = static_cast<Recorder*>(area);
    if (!is_ours(*r, st.st_ino)) start_anew(r, st.st_ino);
    g_recorder = r;
    return true;
}

int read_suspects(Suspect* out) noexcept {
    if (g_recorder == nullptr) return 0;
    int n = 0;
    for (FlightSlot& s : g_recorder->slots) {
        if (g_recorder->launcher_signalled != 0 && s.state == static_cast<uint32>(Flight::running)) {
            Suspect& suspect = out[n++];
            suspect.database = s.database;
            suspect.count = static_cast<int32>(std::min<uint32>(s.count, core::kMaxChunk));
            std::memcpy(suspect.job_ids, s.job_ids, sizeof(s.job_ids));
        }
        s.state = static_cast<uint32>(Flight::idle);
    }
    g_recorder->launcher_signalled = 0;
    return n;
}

void record_job(int slot, Oid database, int64 job_id) noexcept {
    if (g_recorder == nullptr) return;
    FlightSlot& s = g_recorder->slots[slot];
    s.database = database;
    s.count = 1;
    s.job_ids[0] = job_id;
    pg_compiler_barrier();
    s.state = static_cast<uint32>(Flight::running);
}

void record_beside(int slot, int64 job_id) noexcept {
    if (g_recorder == nullptr || slot < 0) return;
    FlightSlot& s = g_recorder->slots[slot];
    if (s.count < core::kMaxChunk) s.job_ids[s.count++] = job_id;
}

void record_idle(int slot) noexcept {
    if (g_recorder != nullptr) g_recorder->slots[slot].state = static_cast<uint32>(Flight::idle);
}

int recorded_jobs(int slot, int64* ids) noexcept {
    if (!open_recorder()) return 0;
    const FlightSlot& s = g_recorder->slots[slot];
    const uint32 n = std::min<uint32>(s.count, core::kMaxChunk);
    std::copy_n(s.job_ids, n, ids);
    return static_cast<int>(n);
}

void record_bystander(int slot) noexcept {
    if (g_recorder == nullptr || slot < 0) return;
    FlightSlot& s = g_recorder->slots[slot];
    if (s.state == static_cast<uint32>(Flight::running)) s.state = static_cast<uint32>(Flight::bystander);
}

void record_launcher_signalled() noexcept {
    if (g_recorder != nullptr) g_recorder->launcher_signalled = 1;
}

void post_suspects(std::span<const Suspect> suspects) noexcept {
    const PartGuard guard(BoardLock::directory, LW_EXCLUSIVE);
    Board& b = board();
    for (const Suspect& s : suspects) {
        if (b.suspect_count < kMaxSlots) b.suspects[b.suspect_count++] = s;
    }
}

int take_suspects(Oid database, Suspect* out) noexcept {
    const PartGuard guard(BoardLock::directory, LW_EXCLUSIVE);
    Board& b = board();
    int n = 0;
    int kept = 0;
    for (int i = 0; i < b.suspect_count; i++) {
        if (b.suspects[i].database == database) {
            out[n++] = b.suspects[i];
        } else {
            b.suspects[kept++] = b.suspects[i];
        }
    }
    b.suspect_count = kept;
    return n;
}

}  // namespace foreman::board
