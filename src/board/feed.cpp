// See feed.hpp.
#include "board/feed.hpp"

#include "board/parts.hpp"
#include "pg/latch.hpp"

namespace foreman::board {

namespace {

constinit bool g_appending = false;

Appender* appenders() noexcept { return board_array<Appender>(board().appender_offset); }

}  // namespace

// The place of a process is its own: nobody else writes it, and it is empty when the process is another's.
void begin_append(int64 last) noexcept {
    if (!board_present() || g_appending) return;
    Appender& mine = appenders()[pg::this_process().procno];
    mine.database = MyDatabaseId;
    mine.pid = MyProcPid;
    mine.since = GetCurrentTransactionStartTimestamp();
    pg_write_barrier();
    pg_atomic_write_u64(&mine.after, static_cast<uint64>(last) + 1);
    pg_memory_barrier();
    g_appending = true;
}

bool is_appending() noexcept { return g_appending; }

void end_append() noexcept {
    if (!g_appending) return;
    g_appending = false;
    pg_memory_barrier();
    pg_atomic_write_u64(&appenders()[pg::this_process().procno].after, 0);
    pg_memory_barrier();
    DatabaseSlot* d = database_slot(MyDatabaseId);
    if (d != nullptr && pg_atomic_read_u32(&d->wants_appends) != 0 &&
        pg_atomic_exchange_u32(&d->wants_appends, 0) != 0)
        poke_dispatcher(MyDatabaseId, kPokeFeed);
}

int64 settled_position(Oid database, int64 last) noexcept {
    pg_memory_barrier();
    int64 settled = last;
    const uint32 n = board().appender_capacity;
    for (uint32 i = 0; i < n; i++) {
        Appender& a = appenders()[i];
        const uint64 after = pg_atomic_read_u64(&a.after);
        if (after == 0) continue;
        pg_read_barrier();
        if (a.database == database) settled = std::min(settled, static_cast<int64>(after) - 1);
    }
    pg_memory_barrier();
    return settled;
}

OpenAppend oldest_append(Oid database) noexcept {
    OpenAppend oldest;
    const uint32 n = board().appender_capacity;
    for (uint32 i = 0; i < n; i++) {
        const Appender& a = appenders()[i];
        if (pg_atomic_read_u64(const_cast<pg_atomic_uint64*>(&a.after)) == 0) continue;
        pg_read_barrier();
        if (a.database == database && (oldest.pid == 0 || a.since < oldest.since.us))
            oldest = {a.pid, core::Instant{a.since}};
    }
    return oldest;
}

void want_appends(Oid database, bool want) noexcept {
    if (DatabaseSlot* d = database_slot(database)) pg_atomic_write_u32(&d->wants_appends, want ? 1 : 0);
    pg_memory_barrier();
}

int64 feed_epoch() noexcept { return board().began_at; }

}  // namespace foreman::board
