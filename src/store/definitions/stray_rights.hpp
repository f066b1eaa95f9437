// Rights on our objects that nobody gave: taken away when the objects are made, found when they come later.
// Called by the scripts of the extensions, by whoever makes partitions, and by health().
// Invariant: the script, grant_role() and register_handler() are the only ones that give rights; what default
// privileges give to an object of ours is taken away in the transaction that makes it.
#pragma once

#include <string_view>

#include "pg/prelude.hpp"

namespace foreman::store {

/// does: takes away what default privileges gave on the members of the extension, PUBLIC's included, and
///     gives its owner what they withheld. For the extensions' scripts, which grant what is to be granted
///     afterwards.
void revoke_default_rights(std::string_view extension);

struct StrayRights {
    int64 count;
    const char*
        first;  // "role has RIGHT on object", in the memory context of the caller; "" when there is none
};
/// Rights on objects of both extensions and on the partitions that neither they nor grant_role() nor
/// register_handler() gave. Those of superusers and owners do not count, nor do those on schema cron and its
/// functions, which administrators give by hand.
/// cost: reads some catalogues.
StrayRights stray_rights();

}  // namespace foreman::store
