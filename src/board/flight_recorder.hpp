// The flight recorder: which job each executor was running when the server crashed. A small file mapped into
// memory, so that it outlives shared memory; the launcher reads it after recovery. Writing costs two stores a
// job and nothing in the log.
//
// When a process crashes, the postmaster sends SIGQUIT to all others; an executor that gets it marks its slot
// *bystander*. A slot that still says *running* afterwards is the culprit's, provided that the launcher got
// the signal too: after a power cut or the end of a container nobody did, and nobody is charged. A header
// that names another server, file or boot is ignored. Which job of a batch crashed it nobody knows: none is
// charged, each runs alone next. Invariant: the signal handlers touch only the mapping.
#pragma once

#include <span>

#include "board/board.hpp"

namespace foreman::board {

/// Maps the file, making it when it is missing or another's. false: it cannot be mapped; crashes are then not
/// recognised.
bool open_recorder() noexcept;
/// The launcher after recovery: culprits of the last crash, at most kMaxSlots; clears the record.
int read_suspects(Suspect* out) noexcept;

void record_job(int slot, Oid database, int64 job_id) noexcept;
/// Another job that the same call of a batch handler runs.
void record_beside(int slot, int64 job_id) noexcept;
void record_idle(int slot) noexcept;
/// How many jobs the last call of a handler in this slot ran, and their ids, at most kMaxChunk. In any process: maps the
/// file where that has not been done.
int recorded_jobs(int slot, int64* ids) noexcept;
/// From the SIGQUIT handlers.
void record_bystander(int slot) noexcept;
void record_launcher_signalled() noexcept;

// Suspects wait on the board for the dispatcher of their database.
void post_suspects(std::span<const Suspect> suspects) noexcept;
int take_suspects(Oid database, Suspect* out) noexcept;

}  // namespace foreman::board
