// The long way of insert_job(): see enqueue_keyed.cpp.
#pragma once

#include "store/db/clock.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::store {

Inserted insert_keyed(const NewJob& job);

}  // namespace foreman::store
