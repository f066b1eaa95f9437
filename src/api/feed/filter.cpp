// See filter.hpp.
#include "api/feed/filter.hpp"

#include "pg/memory.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"
#include "store/feed/feed.hpp"
#include "store/workflows/listing.hpp"
#include "store/workflows/types.hpp"

namespace foreman::api {

namespace {

pg::Elements required_names(Datum names, const char* argument) {
    const pg::Elements all = required_elements(names, argument, pg::kText);
    if (all.count == 0)
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "%s is empty", argument)
            .hint("Give NULL for all, or one name at least.");
    for (int i = 0; i < all.count; i++)
        (void)required_name(all.nulls[i] ? OptionalDatum{} : OptionalDatum{all.values[i]}, argument);
    return all;
}

void require_to_see(std::string_view type, std::string_view queue) {
    if (store::may_see_args(queue)) return;
    throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE,
                      "permission denied for the events of workflow type \"%.*s\"",
                      static_cast<int>(type.size()), type.data())
        .hint("It takes a bundle that sees args on queue \"%.*s\".", static_cast<int>(queue.size()),
              queue.data());
}

}  // namespace

OptionalDatum wanted_types(OptionalDatum names) {
    if (names) {
        const pg::Elements all = required_names(*names, "workflow_types");
        for (int i = 0; i < all.count; i++) {
            const store::WorkflowType& type = store::require_workflow_type(pg::text_view(all.values[i]));
            require_to_see(type.type(), type.queue);
        }
        return names;
    }
    if (store::may_all(store::Bundle::operate)) return std::nullopt;
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<Datum> seen(&memory);
    store::seen_workflow_types(true, CurrentMemoryContext, &seen);
    if (seen.empty())
        throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied for the events of workflows")
            .hint("It takes a bundle that sees args on the queue of a type.");
    return pg::array_datum(pg::kText, {seen.data(), seen.size()});
}

OptionalDatum wanted_event_types(OptionalDatum names) {
    if (names) (void)required_names(*names, "event_types");
    return names;
}

int64 required_position(OptionalDatum value, const char* argument) {
    const int64 position = DatumGetInt64(required(value, argument));
    int64 last = 0;
    {
        const store::AsOwner scope;
        last = store::last_position();
    }
    if (position >= 0 && position <= last) return position;
    throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "%s " INT64_FORMAT " is %s", argument, position,
                      position < 0 ? "less than 0" : "in the future")
        .hint("The last position is " INT64_FORMAT
              ". After a crash or a failover, positions of events that were lost are given anew: compare the "
              "epoch.",
              last);
}

int64 required_settled_position(OptionalDatum value, const char* argument) {
    const int64 position = required_position(value, argument);
    if (position == 0) return position;
    if (const int64 settled = store::settled_position(); position > settled)
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE,
                          "%s " INT64_FORMAT " is ahead of what readers may see", argument, position)
            .hint("Events up to " INT64_FORMAT
                  " are settled; a transaction that has appended some is still open.",
                  settled);
    return position;
}

}  // namespace foreman::api
