// See waiting.hpp.
#include "api/waiting.hpp"

#include "board/settings.hpp"
#include "board/waiters.hpp"
#include "pg/call.hpp"

namespace foreman::api {

namespace {

extern "C" void foreman_waiter_exit(int, Datum) { board::remove_waiter(); }

void watch_exit() {
    static constinit bool watched = false;
    if (!watched) pg::guarded([] { before_shmem_exit(foreman_waiter_exit, Datum{0}); });
    watched = true;
}

[[noreturn]] void refuse() {
    throw pg::Failure(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
                      "too many sessions of this role wait for jobs: foreman.max_waiters is %d",
                      settings::max_waiters)
        .hint("One role may use half of them, and half of what others leave: raise foreman.max_waiters.");
}

}  // namespace

Waiting::Waiting(int64 job_id) {
    if (!is_announced()) return;
    watch_exit();
    if (!board::add_waiter(MyDatabaseId, job_id)) refuse();
}

Waiting::Waiting(std::span<const std::string_view> queues) {
    if (!is_announced()) return;
    watch_exit();
    if (!board::add_queue_waiter(MyDatabaseId, queues)) refuse();
}

Waiting::~Waiting() { board::remove_waiter(); }

bool Waiting::is_announced() noexcept { return board::board_present() && !RecoveryInProgress(); }

}  // namespace foreman::api
