// Not in the library that is installed: see debug_points.hpp. The bits are not on the board, because both libraries
// share the object files that know its layout.
#include "board/debug_points.hpp"

#include "board/board.hpp"

namespace foreman::board {

pg_atomic_uint32& armed_points() {
    static pg_atomic_uint32* bits = nullptr;
    if (bits == nullptr) {
        bool found = false;
        LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
        auto* shared = static_cast<pg_atomic_uint32*>(
            ShmemInitStruct("pg_foreman debug points", sizeof(pg_atomic_uint32), &found));
        if (!found) pg_atomic_init_u32(shared, 0);
        LWLockRelease(AddinShmemInitLock);
        bits = shared;
    }
    return *bits;
}

// The lock is taken for the session, since a commit callback has no resource owner, and given back at once.
void stop_at(DebugPoint point) noexcept {
    if (!board_present() || (pg_atomic_read_u32(&armed_points()) & static_cast<uint32>(point)) == 0) return;
    LOCKTAG tag;
    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0x666F7265, static_cast<uint32>(point), 2);
    LockAcquire(&tag, ShareLock, true, false);
    LockRelease(&tag, ShareLock, true);
}

}  // namespace foreman::board
