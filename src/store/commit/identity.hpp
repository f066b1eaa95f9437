// Whether this database may run jobs: the table `identity` tells a database from its copies, and start() and
// stop() apart. Read by the dispatcher before it starts anything, written by CREATE EXTENSION, start() and
// stop().
#pragma once

#include "pg/prelude.hpp"

namespace foreman::store {

enum class Permission {
    runs,
    stopped,  // stop() was called
    copied    // a restored, subscribed or template-made copy
};
/// needs a transaction.
Permission read_permission();
/// Replaces all rows by one of this database; stopped tells which state.
/// needs: the caller is authorised
void write_identity(bool stopped);

}  // namespace foreman::store
