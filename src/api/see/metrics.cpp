// What the view metrics takes from the board and from the system: how long jobs of each queue waited and ran,
// what the workers of this database use, how large it is. Called by the views of the extension script, with
// the rights of whoever reads them.
//
// Invariant: of a queue that the caller holds no bundle for nothing is told. cost:
// about 1 us a queue, 20 us an executor; no rows are read.
#include "api/public_function.hpp"
#include "board/slots.hpp"
#include "board/tables.hpp"
#include "pg/memory.hpp"
#include "pg/process_usage.hpp"
#include "request/arguments.hpp"
#include "store/definitions/access.hpp"
#include "store/upkeep/statistics.hpp"
#include "store/workflows/types.hpp"

namespace foreman::api {

namespace {

using Row = std::array<OptionalDatum, 3>;

double seconds_of(int64 us) noexcept { return static_cast<double>(us) / 1e6; }

// name, the number of the executor's slot or NULL, value
void put(pg::ResultSet* rows, const char* name, OptionalDatum slot, double value) {
    rows->put(Row{pg::text_datum(name), slot, Float8GetDatum(value)});
}

void put_process(pg::ResultSet* rows, const char* cpu, const char* memory, OptionalDatum slot, int pid) {
    pg::ProcessUsage used{};
    if (pid <= 0 || !pg::process_usage(pid, &used)) return;
    put(rows, cpu, slot, used.cpu_seconds);
    put(rows, memory, slot, static_cast<double>(used.resident_bytes));
}

}  // namespace

/// queue; how many jobs ended, their seconds of waiting and running since the server started.
FOREMAN_PUBLIC(queue_times) {
    pg::ResultSet rows(fcinfo);
    if (!board::board_present()) return rows.done();
    const pg::Context context("foreman times", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<store::QueueTotals> queues(&memory);
    queues.resize(static_cast<std::size_t>(store::read_totals(MyDatabaseId, nullptr, 0)));
    const int n = store::read_totals(MyDatabaseId, queues.data(), static_cast<int>(queues.size()));
    queues.resize(std::min(queues.size(), static_cast<std::size_t>(n)));
    for (const store::QueueTotals& q : queues) {
        if (!q.has_times || !store::may_see({q.name.text, q.name.len})) continue;
        int64 ended = 0;
        for (const uint32 count : q.times.run.counts) ended += count;
        rows.put(std::array<OptionalDatum, 5>{
            pg::text_datum({q.name.text, q.name.len}), Int64GetDatum(q.enqueued), Int64GetDatum(ended),
            Float8GetDatum(seconds_of(q.times.wait_us)), Float8GetDatum(seconds_of(q.times.run_us))});
    }
    return rows.done();
}

/// A type of workflow, and its counters in the order of board::WorkflowCount. The view adds types without any, and
/// leaves out those that the caller may not see.
FOREMAN_PUBLIC(workflow_counts) {
    pg::ResultSet rows(fcinfo);
    if (!board::board_present()) return rows.done();
    const pg::Context context("foreman counts", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<board::WorkflowReading> types(&memory);
    store::read_workflow_counts(&types);
    for (const board::WorkflowReading& t : types) {
        const store::WorkflowType& type = store::find_workflow_type({t.type.text, t.type.len});
        if (!type.exists || !store::may_see(type.queue)) continue;
        std::array<OptionalDatum, board::kWorkflowCounts + 1> row;
        row[0] = pg::text_datum(type.type());
        for (std::size_t i = 0; i < t.of.size(); i++) row[i + 1] = Int64GetDatum(t.of[i]);
        rows.put(row);
    }
    return rows.done();
}

/// table, how many of its places are in use, and of how many.
FOREMAN_PUBLIC(board_tables) {
    pg::ResultSet rows(fcinfo);
    if (!board::board_present()) return rows.done();
    for (const board::TableReading& t : board::read_board_tables(pg::clock_now()))
        rows.put(Row{pg::text_datum(t.name), Int64GetDatum(t.used), Int64GetDatum(t.capacity)});
    return rows.done();
}

FOREMAN_PUBLIC(resources) {
    pg::ResultSet rows(fcinfo);
    board::DatabaseSlot* database = board::board_present() ? board::database_slot(MyDatabaseId) : nullptr;
    if (database == nullptr) return rows.done();
    put(&rows, "foreman_running", std::nullopt, database->stopped || database->pid == 0 ? 0 : 1);
    if (const uint64 bytes = pg_atomic_read_u64(&database->database_bytes); bytes > 0)
        put(&rows, "foreman_database_bytes", std::nullopt, static_cast<double>(bytes));
    put_process(&rows, "foreman_dispatcher_cpu_seconds_total", "foreman_dispatcher_memory_bytes",
                std::nullopt, database->pid);
    for (int i = 0; i < board::kMaxSlots; i++) {
        board::SlotReading slot;
        if (!board::read_slot(i, &slot) || slot.database != MyDatabaseId) continue;
        put(&rows, "foreman_executor_jobs_total", Int32GetDatum(i), static_cast<double>(slot.jobs_done));
        put(&rows, "foreman_executor_busy", Int32GetDatum(i), slot.state == board::SlotState::busy ? 1 : 0);
        put_process(&rows, "foreman_executor_cpu_seconds_total", "foreman_executor_memory_bytes",
                    Int32GetDatum(i), slot.pid);
    }
    return rows.done();
}

}  // namespace foreman::api
