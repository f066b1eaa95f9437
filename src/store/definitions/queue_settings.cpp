// See queue_settings.hpp.
#include "store/definitions/queue_settings.hpp"

#include "board/parts.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"
#include "pg/xact.hpp"
#include "store/commit/remember.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/definitions.hpp"

namespace foreman::store {

namespace {

constexpr int kLoadTries = 3;

constinit pg::Statement g_pause{
    "pause_queue",
    "INSERT INTO foreman.queue AS q (queue, paused, created_at) VALUES ($1, true, $2) ON CONFLICT (queue) DO "
    "UPDATE SET paused = true WHERE NOT q.paused",
    {TEXTOID, TIMESTAMPTZOID}};
constinit pg::Statement g_resume{
    "resume_queue", "UPDATE foreman.queue SET paused = false WHERE queue " EQ " $1 AND paused", {TEXTOID}};

constinit pg::Statement g_is_used{"queue_is_used",
                                  "SELECT EXISTS (SELECT 1 FROM foreman.live_job WHERE queue " EQ
                                  " $1) OR EXISTS (SELECT 1 FROM foreman.handler WHERE queue " EQ
                                  " $1) OR EXISTS (SELECT 1 FROM foreman.schedule WHERE queue " EQ " $1)",
                                  {TEXTOID}};

board::QueueSettings settings_of(const Queue& q) {
    return {q.paused, q.ageing, q.max_running, q.rate_limit, q.rate_period_us};
}

// As this transaction left the row, for the board at its commit.
void tell_queue_settings(std::string_view queue) {
    if (board::board_present()) remember_settings(queue, settings_of(read_own_queue(queue)));
}

}  // namespace

void queue_changed(std::string_view queue) {
    announce_change(schema().queue);
    // This transaction reads its own change at once, also in the same command.
    distrust_queues();
    tell_queue_settings(queue);
}

bool load_queue_settings() {
    board::DatabaseSlot* slot = board::board_present() ? board::add_database_slot(MyDatabaseId) : nullptr;
    if (slot == nullptr) return true;
    const AsOwner scope;
    const pg::Context context("foreman queue settings", CurrentMemoryContext);
    pg::ContextResource memory(context);
    for (int tries = 0; tries < kLoadTries; tries++) {
        const uint32 generation = board::queue_settings_generation(*slot);
        const pg::LatestSnapshot latest;
        pg::vector<board::NamedSettings> queues(&memory);
        read_all_queues(
            [](std::string_view queue, const Queue& settings, void* arg) {
                auto* all = static_cast<pg::vector<board::NamedSettings>*>(arg);
                all->push_back({{}, settings_of(settings)});
                board::set_name(&all->back().name, queue);
            },
            &queues);
        if (board::replace_queue_settings(*slot, {queues.data(), queues.size()}, generation)) return true;
    }
    return false;
}

void ensure_queue_settings() {
    if (!board::board_present()) return;
    board::DatabaseSlot* slot = board::database_slot(MyDatabaseId);
    if (slot != nullptr && pg_atomic_read_u32(&slot->settings_loaded) != 0) return;
    load_queue_settings();
}

bool queue_is_used(std::string_view queue) {
    if (queue == kDefaultQueue) return true;
    const AsOwner scope;
    pg::Args<1> a;
    a.text(1, queue);
    return g_is_used.execute(a)[0].boolean(1);
}

bool set_queue_paused(std::string_view queue, bool paused) {
    const AsOwner scope;
    bool changed = false;
    if (paused) {
        pg::Args<2> a;
        a.text(1, queue).instant(2, now());
        changed = g_pause.execute(a).processed() > 0;
    } else {
        pg::Args<1> a;
        a.text(1, queue);
        changed = g_resume.execute(a).processed() > 0;
    }
    if (!changed) return false;
    queue_changed(queue);
    return true;
}

}  // namespace foreman::store
