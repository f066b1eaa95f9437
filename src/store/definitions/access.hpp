// Who may do what: superusers and the owner of our tables everything, others what grant_role gave them or a
// role they inherit. Checked in C++ at every public function, since the function rights alone do not know
// queues.
#pragma once

#include <string_view>

#include "pg/memory.hpp"

namespace foreman::store {

enum class Bundle : uint8 { producer = 1, worker = 2, operate = 4, monitor = 8 };

/// Whether the current user holds the bundle for the queue. needs a transaction; cached until grants or
/// memberships change.
bool may(Bundle bundle, std::string_view queue);
/// Whether it holds any bundle for the queue: it sees its jobs, without args and results.
bool may_see(std::string_view queue);
/// Whether it sees the jobs of all queues.
bool sees_all();
/// does: appends the names of the queues that it sees one by one, as text, some perhaps twice.
void seen_queues(pg::vector<Datum>* names);
/// Whether it sees args and results too, and what handlers said that failed on them.
bool may_see_args(std::string_view queue);
/// Whether it holds the bundle for all queues.
bool may_all(Bundle bundle);
/// The queues for which it holds the bundle by name.
/// needs: not may_all(). They are valid until grants change.
void granted_queues(Bundle bundle, pg::vector<std::string_view>* out);
/// Whether this role could have jobs of the kind run from the queue: that takes the right on the queue of the
/// kind's handler, too; and where no handler is there, whose queue is not known yet, that on all queues.
bool vouches(Oid role, std::string_view kind, std::string_view queue);
/// Whether the role may feed the queue, as producer or operator.
bool may_feed(Oid role, std::string_view queue);
/// Raises 42501 naming queue and bundle.
void require(Bundle bundle, std::string_view queue);
void require_all(Bundle bundle);
const char* bundle_name(Bundle bundle) noexcept;
/// errors: 22023 naming the argument.
Bundle parse_bundle(std::string_view name);

}  // namespace foreman::store
