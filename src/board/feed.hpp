// Who appends events to the feed at the moment. A position is drawn before its event can be seen, so a reader could
// pass by one that commits late. Therefore a process says, before it draws its first position in a transaction, which
// position was the last one then, and takes that back when its transaction has ended and can be seen.
// A reader asks in this order: which position was drawn last; who appends; only then it takes its snapshot. Whoever it
// did not find began after the first question, so its positions are greater. Invariant: no position up to what the
// reader reckons from this becomes visible later.
#pragma once

#include "board/board.hpp"

namespace foreman::board {

/// This process is about to draw positions in its transaction; `last` was drawn last, by whomever.
/// needs: to be called before the first of them is drawn; end_append() at the end of the transaction
void begin_append(int64 last) noexcept;
/// Whether begin_append() was called in this transaction.
bool is_appending() noexcept;
/// The transaction has ended, and can be seen if it was committed. The dispatcher hears of it where it asked for that
/// (want_appends), however it ended: others' events may have waited for it.
void end_append() noexcept;

/// does: the greatest position up to which nothing is open: the least that any open transaction of the database began
///     with, or `last`.
/// needs: `last` to have been read before, and the snapshot to be taken afterwards
/// cost: a look at the place of each process of the server, 24 bytes each
int64 settled_position(Oid database, int64 last) noexcept;

/// The transaction for which readers have to wait longest; pid 0: there is none.
struct OpenAppend {
    int32 pid = 0;
    core::Instant since{};  ///< when it began
};
OpenAppend oldest_append(Oid database) noexcept;

/// The dispatcher wants to hear of the next end of a transaction of its database that appends, once.
void want_appends(Oid database, bool want) noexcept;

/// Another number after each start of the server, and after each crash: positions that a reader has seen before may be
/// given to other events, if they were lost. In microseconds since 2000.
int64 feed_epoch() noexcept;

}  // namespace foreman::board
