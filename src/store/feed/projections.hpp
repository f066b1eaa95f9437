// Projections: what they read, and how far they have come. What one has not seen yet is a job of kind "projection:NAME",
// which the dispatcher makes when there is something to see (look_for_work), so that roles, attempts, back-off,
// time-outs, pauses and errors of a projection are those of a job.
// Invariant: a projection's position is that of the last event that its handler was given in a committed transaction,
// or of one behind it that concerns the projection no more.
#pragma once

#include <string_view>

#include "store/definitions/definitions.hpp"
#include "store/feed/feed.hpp"

namespace foreman::store {

/// Kinds of this beginning call the handlers of projections.
inline constexpr std::string_view kProjectionKind = "projection:";
/// Bytes of a projection's name: with the beginning, and ":rebuild", it is a kind.
inline constexpr int kMaxProjectionBytes = 230;

enum class ProjectionState : char { running = 'r', paused = 'p' };

struct Projection {
    int64 id = 0;
    std::string_view name;
    std::string_view handler;
    ProjectionState state = ProjectionState::running;
    int64 position = 0;
    int32 batch = 0;
    FeedFilter filter;
    std::string_view replaces;   ///< the projection whose place it takes when it has come as far; empty: none
    std::string_view on_switch;  ///< qualified name of the function that is called then; empty: none
};

/// The handler of its kind, which has its function, role and queue.
const Handler& projection_handler(std::string_view name);

enum class RowLock : uint8 { none, wait, skip };
/// does: finds one. RowLock::skip finds none where somebody else has locked it.
/// returns: whether it was found; names and values in `context`
bool read_projection(std::string_view name, RowLock lock, MemoryContext context, Projection* out);

struct NewProjection {
    std::string_view name, handler, queue;
    bool takes_array = false;
    FeedFilter filter;
    int64 position = 0;
    int32 batch = 100;
    Oid run_as = InvalidOid;
    std::string_view replaces, on_switch;
};
/// does: stores it with the handler of its kind.
/// returns: false when the name is there already
bool add_projection(const NewProjection& projection);
/// returns: false when there is none
bool remove_projection(std::string_view name);
void set_projection_state(std::string_view name, ProjectionState state);
/// does: lets one that waits before it tries again do so now.
/// returns: whether there was one
bool hurry_projection(std::string_view name);
/// does: the handler of another projection, which goes, becomes that of this one, with its position.
void take_over_projection(const Projection& old, const Projection& rebuilt);

/// does: moves the position from `from` to `to`, compare and set. handled: how many events its handler was given.
/// errors: 40001 where the position is another one by now
void move_projection(const Projection& projection, int64 to, int64 handled);
/// The least position of all projections, behind which events are still needed; nothing: there are none.
std::optional<int64> least_projection_position();

/// does: moves each projection that runs behind the events which do not concern it, so that their workflows may go.
void pass_by_idle_projections();
/// A projection whose first event fails; name is in the context that was given.
struct FailingProjection {
    std::string_view name;
    int64 projections = 0;  ///< how many fail
};
FailingProjection failing_projection(MemoryContext context);

/// needs: to be called once, while the library is loaded
void observe_projection_jobs() noexcept;

/// What the dispatcher remembers of a projection between two looks.
struct ProjectionWatch {
    int64 id = 0;
    int64 job_id = 0;  // the job that was made last
    int64 position = 0;
    int64 scanned = 0;  // nothing for it stands between the two
};
struct FeedLook {
    bool covered;  ///< a job of each is there, so that the next events need not be told
    int64 made;    ///< jobs
};
/// does: makes a job for each projection that has something to see and no job; those that are behind events which do not
///     concern them go on without one, now and then.
/// cost: two statements a projection, and a scan of what was appended since the last look
FeedLook look_for_work(pg::vector<ProjectionWatch>* watches);

}  // namespace foreman::store
