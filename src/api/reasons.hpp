// The rows that why() and why_workflow() answer.
#pragma once

#include "api/public_function.hpp"
#include "request/arguments.hpp"
#include "store/why/why.hpp"

namespace foreman::api {

inline void put_reasons(std::span<const store::Reason> reasons, pg::ResultSet* rows) {
    for (const store::Reason& r : reasons) {
        std::array<OptionalDatum, 3> row;
        row[0] = pg::text_datum(r.reason);
        row[1] = r.detail;
        if (r.until && core::is_finite(*r.until)) row[2] = pg::to_datum(*r.until);
        rows->put(row);
    }
}

}  // namespace foreman::api
