// Named rate limits: definitions in rows, buckets on the board. acquire() is not undone by a rollback: what
// was asked of the other side cannot be either. After a start of the server a bucket fills from empty.
// Without the board, or where that is full, the row is the bucket: exact as well, one caller at a time.
#pragma once

#include <string_view>

#include "core/token_bucket.hpp"
#include "pg/prelude.hpp"

namespace foreman::store {

/// true: new. Takes effect at once, and goes back to the row's at a rollback when it is asked next.
bool put_rate_limit(std::string_view scope, const core::BucketRule& rule);

struct Acquired {
    bool granted;
    core::Micros retry_in;
};
/// An unknown scope grants nothing, and is to be asked again in a minute.
Acquired acquire_tokens(std::string_view scope, int cost);
/// false: there is no such scope.
bool drain_scope(std::string_view scope);

}  // namespace foreman::store
