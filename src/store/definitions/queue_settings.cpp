// See queue_settings.hpp.
#include "store/definitions/queue_settings.hpp"

#include <algorithm>

#include "board/parts.hpp"
#include "pg/call.hpp"
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

#define SETTINGS_COLUMNS "queue, paused, ageing, max_running, rate_limit, rate_period"

constexpr int kLoadTries = 3;

constexpr std::string_view kResettable[] = {
    "priority",         "backoff_base", "backoff_max", "retain_completed",    "retain_cancelled",
    "retain_discarded", "keep_args",    "max_running", "max_running_per_key", "sequence_policy",
    "throttle_base",    "throttle_max", "ageing",      "rate_limit",          "rate_period"};

constinit pg::Statement g_read{
    "queue_settings", "SELECT " SETTINGS_COLUMNS " FROM foreman.queue WHERE queue " EQ " $1", {TEXTOID}};
constinit pg::Statement g_read_all{"all_queue_settings",
                                   "SELECT " SETTINGS_COLUMNS " FROM foreman.queue ORDER BY queue"};

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

QueueSettings settings_of(const pg::Row& row) {
    QueueSettings s{};
    s.paused = row.boolean(2);
    if (!row.is_null(3)) s.ageing = row.i32(3);
    if (!row.is_null(4)) s.max_running = row.i32(4);
    if (!row.is_null(5)) s.rate_limit = row.i32(5);
    s.rate_period_us = row.is_null(6) ? USECS_PER_SEC : interval_us(row.datum(6));
    return s;
}

// As this transaction left the row, for the board at its commit.
void tell_queue_settings(std::string_view queue) {
    if (!board_present()) return;
    const AsOwner scope;
    pg::Args<1> a;
    a.text(1, queue);
    const pg::Rows rows = g_read.execute(a);
    remember_settings(queue, rows.empty() ? QueueSettings{} : settings_of(rows[0]));
}

}  // namespace

void queue_changed(std::string_view queue) {
    announce_change(schema().queue);
    // This transaction reads its own change at once, also in the same command.
    distrust_queues();
    tell_queue_settings(queue);
}

bool load_queue_settings() {
    DatabaseSlot* slot = board_present() ? add_database_slot(MyDatabaseId) : nullptr;
    if (slot == nullptr) return true;
    const AsOwner scope;
    const pg::Context context("foreman queue settings", CurrentMemoryContext);
    pg::ContextResource memory(context);
    for (int tries = 0; tries < kLoadTries; tries++) {
        const uint32 generation = queue_settings_generation(*slot);
        const pg::LatestSnapshot latest;
        pg::vector<NamedSettings> queues(&memory);
        for (const pg::Row row : g_read_all.execute(true)) {
            queues.push_back({{}, settings_of(row)});
            set_name(&queues.back().name, row.view(1));
        }
        if (replace_queue_settings(*slot, {queues.data(), queues.size()}, generation)) return true;
    }
    return false;
}

void ensure_queue_settings() {
    if (!board_present()) return;
    DatabaseSlot* slot = database_slot(MyDatabaseId);
    if (slot != nullptr && pg_atomic_read_u32(&slot->settings_loaded) != 0) return;
    load_queue_settings();
}

void reset_queue_settings(std::string_view queue, std::span<const std::string_view> names) {
    const AsOwner scope;
    const Datum name = pg::text_datum(queue);
    for (const std::string_view wanted : names) {
        const auto column = std::find(std::begin(kResettable), std::end(kResettable), wanted);
        if (column == std::end(kResettable)) {
            throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE,
                              "reset names \"%.*s\", which is no setting of a queue",
                              static_cast<int>(std::min<std::size_t>(wanted.size(), 64)), wanted.data())
                .hint("Allowed are the names of alter_queue()'s parameters.");
        }
        pg::guarded([&] {
            Oid types[] = {TEXTOID};
            Datum values[] = {name};
            const int rc = SPI_execute_with_args(
                psprintf("UPDATE foreman.queue SET %s = NULL WHERE queue " EQ " $1", column->data()), 1,
                types, values, nullptr, false, 0);
            if (rc < 0) elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(rc));
        });
    }
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
