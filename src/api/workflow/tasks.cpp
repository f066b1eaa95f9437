// claim_workflow_task(), submit_commands(), resume_workflow(): workflows that workers outside the server decide.
//
// needs: bundle worker on the queues of the types, operator to resume; a transaction that may write.
// errors: 42704 for an unknown type or workflow; 42501; 25006; 55000 for a type that is decided in the database, and for
// a workflow that is not parked; 22023 naming command and field; arguments as in request/arguments.hpp.
// cost: a claim is that of claim() and one read of the history for each task; submit_commands(): see
// engine/workflow/commands.hpp.
#include "store/workflows/tasks.hpp"

#include "api/public_function.hpp"
#include "engine/outside_claim.hpp"
#include "engine/workflow/commands.hpp"
#include "engine/workflow/rerun.hpp"
#include "request/arguments.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"
#include "store/jobs/settle.hpp"
#include "store/workflows/instances.hpp"

namespace foreman::api {

namespace {

using Names = pg::vector<std::string_view>;

constexpr int kMostTypes = 16;
constexpr int kMostTasks = 1000;
constexpr Span kTaskLeases{core::seconds(1), core::days(366)};
// With type and version the kind of a task is a name.
constexpr std::size_t kMaxKind = 255;

const store::WorkflowType& worked_type(std::string_view name) {
    const store::WorkflowType& type = store::require_workflow_type(name);
    store::require(store::Bundle::worker, type.queue);
    return type;
}

void read_types(OptionalDatum value, std::string_view version, Names* queues, Names* kinds) {
    const pg::Elements types = required_elements(value, "types", pg::kText);
    if (types.count < 1 || types.count > kMostTypes)
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "types has %d elements", types.count)
            .hint("Allowed are 1 to %d.", kMostTypes);
    for (int i = 0; i < types.count; i++) {
        const OptionalDatum name = types.nulls[i] ? OptionalDatum{} : OptionalDatum{types.values[i]};
        const store::WorkflowType& type = worked_type(required_name(name, "types"));
        if (!store::is_decided_outside(type))
            throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                              "workflow type \"%s\" is decided in the database", type.name)
                .hint("Only types without a function decide have tasks for workers.");
        queues->emplace_back(pg::copy_text(type.queue), std::strlen(type.queue));
        kinds->push_back(store::task_kind(type.type()));
        if (version.empty()) continue;
        kinds->push_back(store::task_kind(type.type(), version));
        if (kinds->back().size() > kMaxKind)
            throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "worker_version is too long")
                .hint("Together with the name of the type it may have %zu bytes.",
                      kMaxKind - core::kTaskKind.size() - 1);
    }
}

// A job that no workflow made, or whose workflow has ended, is done.
void drop_lease(const store::LeasedJob& leased, pg::ContextResource* memory) {
    const store::TokenPair pair{leased.job.job_id, leased.token};
    pg::vector<store::LeasedJob> taken(memory);
    store::take_leases({&pair, 1}, memory->context(), &taken);
    for (const store::LeasedJob& l : taken) store::settle(l.job, {}, memory->context());
}

}  // namespace

FOREMAN_PUBLIC(claim_workflow_task) {
    store::require_writable("foreman.claim_workflow_task()");
    pg::Context context("foreman tasks", CurrentMemoryContext);
    pg::ContextResource memory(context);
    Names queues(&memory), kinds(&memory);
    const std::string_view version =
        optional_name(pg::optional_argument(fcinfo, 4), "worker_version").value_or("");
    read_types(pg::optional_argument(fcinfo, 0), version, &queues, &kinds);
    const std::string_view worker = required_name(pg::optional_argument(fcinfo, 1), "worker_id");
    const int qty = static_cast<int>(required_count(pg::optional_argument(fcinfo, 2), "qty", 1, kMostTasks));
    const core::Micros length = optional_duration(pg::optional_argument(fcinfo, 3), "lease", kTaskLeases)
                                    .value_or(store::kDefaultLease);
    const store::OutsideFilter filter{{queues.data(), queues.size()},
                                      std::span<const std::string_view>{kinds.data(), kinds.size()}};
    const core::Instant now = store::now();
    pg::vector<store::LeasedJob> jobs(&memory);
    engine::claim_outside(filter, {.worker = worker, .length = length, .now = now, .in_rows = true}, qty,
                          &memory, &jobs);
    pg::ResultSet rows(fcinfo);
    for (const store::LeasedJob& l : jobs) {
        store::Task task;
        const bool found = l.job.origin == core::Origin::workflow_task &&
                           store::read_task(l.job.origin_id, context.get(), &task);
        if (!found || !task.wanted) {
            drop_lease(l, &memory);
            continue;
        }
        if (!version.empty() && task.version.empty()) store::pin_version(l.job.origin_id, version);
        rows.put(std::array<std::optional<Datum>, 8>{
            pg::text_datum(task.type), pg::text_datum(task.id), Int64GetDatum(l.job.job_id),
            pg::uuid_datum(l.token), Int64GetDatum(task.sequence), task.history,
            Int32GetDatum(l.job.attempt + 1), pg::to_datum(now + length)});
    }
    return rows.done();
}

FOREMAN_PUBLIC(submit_commands) {
    store::require_writable("foreman.submit_commands()");
    const store::WorkflowType& type =
        worked_type(required_name(pg::optional_argument(fcinfo, 0), "workflow_type"));
    const std::string_view id = required_name(pg::optional_argument(fcinfo, 1), "workflow_id");
    const pg::UuidBytes token = pg::uuid_bytes(required(pg::optional_argument(fcinfo, 2), "token"));
    const Datum commands = required(pg::optional_argument(fcinfo, 3), "commands");
    switch (engine::submit_commands(type, id, token, commands)) {
        case engine::Submitted::accepted:
            return pg::text_datum("accepted");
        case engine::Submitted::parked:
            return pg::text_datum("parked");
        case engine::Submitted::lost:
            break;
    }
    return pg::text_datum("lost");
}

FOREMAN_PUBLIC(resume_workflow) {
    store::require_writable("foreman.resume_workflow()");
    const store::WorkflowType& type =
        store::require_workflow_type(required_name(pg::optional_argument(fcinfo, 0), "workflow_type"));
    store::require(store::Bundle::operate, type.queue);
    const std::string_view id = required_name(pg::optional_argument(fcinfo, 1), "workflow_id");
    const OptionalText reason = optional_text(pg::optional_argument(fcinfo, 2));
    store::Instance instance;
    if (store::lock_instance(type.type(), id, store::Wait::for_others, CurrentMemoryContext, &instance) ==
        store::Locked::absent)
        throw pg::Failure(ERRCODE_UNDEFINED_OBJECT, "workflow \"%s\", id \"%.*s\" does not exist", type.name,
                          static_cast<int>(id.size()), id.data());
    if (!store::resume_instance(instance.instance))
        throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                          "workflow \"%s\", id \"%.*s\" is not parked", type.name,
                          static_cast<int>(id.size()), id.data())
            .hint("The column parked of the view foreman.workflows says which ones are, and why.");
    engine::append_own_event(type.type(), instance.instance, instance.sequence, "Resumed",
                             engine::user_name(), reason, std::nullopt);
    store::make_task_due(type, id, instance.instance);
    return BoolGetDatum(true);
}

}  // namespace foreman::api
