// The feed: the events of all workflows in the order of their positions. A position is drawn by the default of the
// column workflow_event.position, whoever inserts the row. Readers see no event before all with lesser positions are
// decided (board/feed.hpp), and wait for nobody: what is still open is for their next look.
// Invariant: a reader that goes on behind the last event that it was given is given each event once, in order.
#pragma once

#include <span>

#include "pg/memory.hpp"
#include "pg/prelude.hpp"

namespace foreman::store {

/// does: draws the position of an event that is being inserted. From the first of them on, readers stop before the
///     positions of this transaction, until it ends.
/// cost: that of nextval(), and once in a transaction a look at the sequence
int64 next_position();

/// Up to where readers may go.
/// needs: the statement that reads to take its snapshot after this
/// errors: 55000 without the board; on a standby, where no projection has come anywhere
/// cost: a look at the sequence and at each process of the server; on a standby, at the projections
int64 settled_position();
/// The position that was drawn last, by whomever.
int64 last_position();

/// Which events are wanted.
struct FeedFilter {
    std::optional<Datum> types;        ///< text[]: types of workflows; nothing: all
    std::optional<Datum> event_types;  ///< text[]; nothing: all
    int32 member = 0;                  ///< of `members`, by the hash of the workflow's id
    int32 members = 1;
};

struct FeedEvent {
    int64 position;
    Datum event;  ///< foreman.event
};

/// does: appends at most `max` events behind `after`, up to `until`, in their order, and no more than about 16 MB of them,
///     but one at least. They are as they are now, also in a transaction that keeps its first snapshot.
/// returns: false when there are no more of them
/// needs: `until` from settled_position()
/// cost: an index scan over what lies in between, and a look at the workflow of each event
bool read_feed(const FeedFilter& filter, int64 after, int64 until, int64 max, MemoryContext context,
               pg::vector<FeedEvent>* out);
/// Whether there is such an event.
bool feed_has(const FeedFilter& filter, int64 after, int64 until);
/// The last event of any kind at or before `until`, whose position is a safe place to go on from; 0: there is none.
int64 last_event_before(int64 until);

}  // namespace foreman::store
