// Entry points of the background workers, and nothing else.
#include "engine/elsewhere.hpp"
#include "pg/entry.hpp"
#include "worker/clerk.hpp"
#include "worker/dispatcher.hpp"
#include "worker/executor.hpp"
#include "worker/launcher.hpp"

namespace foreman::worker {

extern "C" {

FOREMAN_EXPORT void foreman_clerk_main(Datum);
FOREMAN_EXPORT void foreman_launcher_main(Datum);
FOREMAN_EXPORT void foreman_dispatcher_main(Datum database);
FOREMAN_EXPORT void foreman_elsewhere_main(Datum segment);
FOREMAN_EXPORT void foreman_executor_main(Datum);

void foreman_clerk_main(Datum) {
    pg::run_guarded(
        [](void*) {
            ClerkTicket ticket;
            std::memcpy(&ticket, MyBgworkerEntry->bgw_extra, sizeof(ticket));
            clerk_main(ticket);
        },
        nullptr);
}

void foreman_launcher_main(Datum) {
    pg::run_guarded([](void*) { launcher_main(); }, nullptr);
}

void foreman_dispatcher_main(Datum database) {
    pg::run_guarded([](void* arg) { dispatcher_main(DatumGetObjectId(*static_cast<Datum*>(arg))); },
                    &database);
}

void foreman_elsewhere_main(Datum segment) {
    pg::run_guarded([](void* arg) { engine::elsewhere_main(DatumGetUInt32(*static_cast<Datum*>(arg))); },
                    &segment);
}

void foreman_executor_main(Datum) {
    pg::run_guarded(
        [](void*) {
            ExecutorTicket ticket;
            std::memcpy(&ticket, MyBgworkerEntry->bgw_extra, sizeof(ticket));
            executor_main(ticket);
        },
        nullptr);
}

}  // extern "C"

}  // namespace foreman::worker
