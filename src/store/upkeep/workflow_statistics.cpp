// See workflow_statistics.hpp.
#include "store/upkeep/workflow_statistics.hpp"

#include <algorithm>

#include "board/parts.hpp"
#include "pg/datum.hpp"
#include "pg/spi.hpp"
#include "store/db/sql_names.hpp"

namespace foreman::store {

namespace {

using board::WorkflowCount;
using board::WorkflowReading;

#define ADDED(column) column " = s." column " " PLUS " excluded." column
constinit pg::Statement g_insert{
    "insert_workflow_minute",
    "INSERT INTO foreman.workflow_minute_stat AS s (minute, workflow_type, started, completed, failed, cancelled, "
    "terminated, continued, accepted, rejected, already_completed, events) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "
    "$9, $10, $11, $12) ON CONFLICT ON CONSTRAINT workflow_minute_stat_pkey DO UPDATE SET " ADDED(
        "started") ", " ADDED("completed") ", " ADDED("failed") ", " ADDED("cancelled") ", " ADDED("terminated") ", "
        ADDED("continued") ", " ADDED("accepted") ", " ADDED("rejected") ", " ADDED("already_completed") ", " ADDED(
            "events"),
    {TIMESTAMPTZOID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID,
     INT8OID}};

constinit pg::Statement g_running{
    "count_running_workflows",
    "SELECT workflow_type, pg_catalog.count(*), pg_catalog.count(parked) FROM foreman.workflow_instance "
    "WHERE state " EQ " 'r' GROUP BY workflow_type"};
constinit pg::Statement g_pending{
    "count_pending_workflow_inputs",
    "SELECT workflow_type, pg_catalog.count(*) FROM foreman.workflow_input WHERE state " EQ
    " 'p' GROUP BY workflow_type"};

constexpr int kFirst = board::kWorkflowGauges;
constexpr int kCounters = board::kWorkflowCounts - board::kWorkflowGauges;

// A type whose entry was made anew begins again: its counters fell.
bool goes_on(const WorkflowReading& now, const WorkflowReading& before) noexcept {
    for (std::size_t i = kFirst; i < now.of.size(); i++) {
        if (now.of[i] < before.of[i]) return false;
    }
    return true;
}

}  // namespace

void read_workflow_counts(pg::vector<WorkflowReading>* out) {
    // One that is added meanwhile is read next time.
    out->resize(static_cast<std::size_t>(board::read_workflow_counts(MyDatabaseId, nullptr, 0)));
    const int n = board::read_workflow_counts(MyDatabaseId, out->data(), static_cast<int>(out->size()));
    out->resize(std::min(out->size(), static_cast<std::size_t>(n)));
}

void WorkflowMinutes::write(core::Instant minute) {
    read_workflow_counts(&current_);
    const WorkflowReading nothing{};
    for (const WorkflowReading& now : current_) {
        const auto at = std::find_if(last_.begin(), last_.end(), [&now](const WorkflowReading& r) {
            return board::name_view(r.type) == board::name_view(now.type);
        });
        const WorkflowReading& before = at != last_.end() && goes_on(now, *at) ? *at : nothing;
        pg::Args<kCounters + 2> a;
        a.instant(1, minute).text(2, board::name_view(now.type));
        bool any = false;
        for (int i = 0; i < kCounters; i++) {
            const auto c = static_cast<std::size_t>(kFirst + i);
            const int64 n = now.of[c] - before.of[c];
            a.i64(3 + i, n);
            any = any || n != 0;
        }
        if (any) g_insert.execute(a);
    }
}

void recount_workflows() {
    for (const pg::Row r : g_running.execute(true)) {
        board::set_workflow_gauge(r.view(1), WorkflowCount::running, r.i64(2));
        board::set_workflow_gauge(r.view(1), WorkflowCount::parked, r.i64(3));
    }
    for (const pg::Row r : g_pending.execute(true))
        board::set_workflow_gauge(r.view(1), WorkflowCount::pending_inputs, r.i64(2));
}

}  // namespace foreman::store
