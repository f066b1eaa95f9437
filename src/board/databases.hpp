// Databases as the launcher sees them: which there are, and how the last dispatcher of each ended.
#pragma once

#include "board/board.hpp"
#include "pg/memory.hpp"

namespace foreman::board {

enum class DispatcherExit : int32 { crashed = 0, no_extension, asked_to_leave, no_worker_slot };

/// Connectable databases that are no templates.
/// needs: a transaction; works without a database
void list_databases(pg::vector<Oid>* out);

void note_exit(Oid database, DispatcherExit how) noexcept;
DispatcherExit read_exit(Oid database) noexcept;
bool has_extension(Oid database) noexcept;
/// A duty of this database's dispatcher failed, or no longer does (nullptr: none does); the first one
/// that fails is kept.
void note_failing(const char* duty, const char* error) noexcept;
void note_recovered(const char* duty) noexcept;
struct FailingDuty {
    char duty[64];
    char error[160];
    int64 seconds;  // since its first failure
};
/// returns: false when all go well, or began to fail a moment ago
bool read_failing(FailingDuty* out) noexcept;
/// Makes this process the dispatcher of the database; false when another one is.
bool take_charge(Oid database) noexcept;
/// Whether a dispatcher is in charge.
bool is_in_charge(Oid database) noexcept;
/// Whether a live session keeps our workers out of the database.
bool is_held(Oid database) noexcept;

}  // namespace foreman::board
