// _next_position(): the default of workflow_event.position.
//
// needs: to be the default of a column: whoever inserts events by hand is seen by the readers of the feed, too.
// errors: as nextval(). cost: that of nextval()
#include "api/public_function.hpp"
#include "store/feed/feed.hpp"

namespace foreman::api {

FOREMAN_FUNCTION(next_position) { return Int64GetDatum(store::next_position()); }

}  // namespace foreman::api
