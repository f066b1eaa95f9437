// read_feed(), feed_position(): the events of all workflows in the order of their positions.
//
// needs: bundle operator or monitor that sees args on the queue of each type; for all types: on all queues that have one.
// errors: 42501; 42704 for an unknown type; 22023 for a position that is not given yet; 55000 without the library in
// shared_preload_libraries, and on a standby without projections; arguments as in request/arguments.hpp.
// cost: an index scan over the events between the position and the last one that is given, and a look at the workflow of
// each; a look at each process of the server
#include "board/feed.hpp"

#include "api/feed/filter.hpp"
#include "api/public_function.hpp"
#include "pg/memory.hpp"
#include "request/arguments.hpp"
#include "store/feed/feed.hpp"

namespace foreman::api {

namespace {

constexpr int64 kMostFeedRows = 100'000;
constexpr int64 kMostMembers = 1024;

}  // namespace

FOREMAN_PUBLIC(read_feed) {
    pg::ResultSet rows(fcinfo);
    store::FeedFilter filter;
    filter.types = wanted_types(pg::optional_argument(fcinfo, 0));
    int64 after = required_position(pg::optional_argument(fcinfo, 1), "after_position");
    const int64 most = required_count(pg::optional_argument(fcinfo, 2), "max_rows", 1, kMostFeedRows);
    filter.members =
        static_cast<int32>(required_count(pg::optional_argument(fcinfo, 4), "members", 1, kMostMembers));
    filter.member =
        static_cast<int32>(required_count(pg::optional_argument(fcinfo, 3), "member", 0, filter.members - 1));
    filter.event_types = wanted_event_types(pg::optional_argument(fcinfo, 5));
    const int64 until = store::settled_position();
    pg::Context context("foreman events", CurrentMemoryContext);
    int64 left = most;
    bool more = true;
    while (more && left > 0) {
        context.reset();
        pg::ContextResource memory(context);
        pg::vector<store::FeedEvent> events(&memory);
        more = store::read_feed(filter, after, until, left, context.get(), &events);
        for (const store::FeedEvent& e : events) {
            std::array<OptionalDatum, 9> row;
            row[0] = Int64GetDatum(e.position);
            row[1] = Int64GetDatum(board::feed_epoch());
            for (int i = 2; i <= 8; i++)
                row[static_cast<std::size_t>(i)] = pg::composite_attribute(e.event, i);
            rows.put(row);
        }
        if (!events.empty()) after = events.back().position;
        left -= static_cast<int64>(events.size());
    }
    return rows.done();
}

FOREMAN_PUBLIC(feed_position) { return Int64GetDatum(store::settled_position()); }

}  // namespace foreman::api
