// register_handler() and unregister_handler(): which function, procedure or command runs the jobs of a kind.
//
// needs: bundle operator on the handler's queue, on that of a handler that it replaces too; the right to SET
// ROLE to run_as. errors: 42501; 42883, 42725, 42P13 for the function; 55000 for a role that cannot have a
// session here; 25006; arguments as in request/arguments.hpp. cost: one row; every process rereads the handler
// before it runs the next job of the kind.
#include "api/absent.hpp"
#include "api/handle/handler_function.hpp"
#include "api/handle/run_as.hpp"
#include "api/public_function.hpp"
#include "core/workflow.hpp"
#include "pg/memory.hpp"
#include "request/arguments.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"
#include "store/feed/projections.hpp"
#include "store/jobs/jobs.hpp"
#include "store/workflows/types.hpp"

namespace foreman::api {

namespace {

enum Parameter : int {
    kKind,
    kHandler,
    kCommand,
    kLane,
    kQueue,
    kMaxAttempts,
    kTimeout,
    kBackoffBase,
    kBackoffMax,
    kMaxGroup,
    kRunAs,
    kSession
};

constexpr std::size_t kMaxHandlerBytes = 1000;

store::Lane parse_lane(std::string_view lane) {
    if (lane == "transaction") return store::Lane::transaction;
    if (lane == "batch") return store::Lane::batch;
    if (lane == "procedure") return store::Lane::procedure;
    throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "lane \"%.*s\" does not exist",
                      static_cast<int>(std::min<std::size_t>(lane.size(), 64)), lane.data())
        .hint("Allowed: transaction, batch and procedure.");
}

void check_backoff(std::optional<core::Micros> base, std::optional<core::Micros> max) {
    if (!base || !max || *base <= *max) return;
    throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "backoff_max must not be less than backoff_base");
}

void require_either(OptionalText handler, OptionalText command) {
    if (handler.has_value() != command.has_value()) return;
    throw pg::Failure(
        ERRCODE_INVALID_PARAMETER_VALUE, "%s",
        handler ? "handler and command exclude each other" : "handler and command are both NULL")
        .hint("Give handler, the name of a function or procedure, or command, an SQL command.");
}

// Who takes a kind away from its handler operates that handler's queue, too.
void require_on_present(std::string_view kind) {
    if (kind.starts_with(store::kWorkflowKind) || kind.starts_with(core::kTaskKind)) {
        throw pg::Failure(ERRCODE_RESERVED_NAME, "kind \"%.*s\" is a workflow type's",
                          static_cast<int>(kind.size()), kind.data())
            .hint(
                "Names of kinds must not begin with workflow: or workflow-task:. See "
                "foreman.create_workflow_type().");
    }
    if (kind.starts_with(store::kProjectionKind)) {
        throw pg::Failure(ERRCODE_RESERVED_NAME, "kind \"%.*s\" is a projection's",
                          static_cast<int>(kind.size()), kind.data())
            .hint("Names of kinds must not begin with projection:. See foreman.create_projection().");
    }
    const store::Handler& present = store::find_handler(kind);
    if (!present.exists) return;
    if (present.shape == store::Shape::scheduled) {
        throw pg::Failure(ERRCODE_OBJECT_IN_USE, "kind \"%.*s\" runs commands of schedules",
                          static_cast<int>(kind.size()), kind.data())
            .hint("Use another name.");
    }
    store::require(store::Bundle::operate, present.queue_name());
}

std::string_view required_session(OptionalDatum argument) {
    const std::string_view session = required_text(argument, "session");
    if (session != "kept" && session != "new")
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "session \"%.*s\" does not exist",
                          static_cast<int>(std::min<std::size_t>(session.size(), 64)), session.data())
            .hint("Allowed: kept and new.");
    return session;
}

store::NewHandler check_settings(FunctionCallInfo fcinfo) {
    store::NewHandler h{};
    h.kind = required_name(pg::optional_argument(fcinfo, kKind), "kind");
    h.queue = required_name(pg::optional_argument(fcinfo, kQueue), "queue");
    h.max_attempts = optional_max_attempts(pg::optional_argument(fcinfo, kMaxAttempts));
    h.max_group = optional_max_group(pg::optional_argument(fcinfo, kMaxGroup));
    h.timeout = pg::optional_argument(fcinfo, kTimeout);
    h.backoff_base = pg::optional_argument(fcinfo, kBackoffBase);
    h.backoff_max = pg::optional_argument(fcinfo, kBackoffMax);
    h.session = required_session(pg::optional_argument(fcinfo, kSession));
    optional_duration(h.timeout, "timeout", kTimeouts);
    check_backoff(optional_duration(h.backoff_base, "backoff_base", kBackoffs),
                  optional_duration(h.backoff_max, "backoff_max", kBackoffs));
    return h;
}

// A command owns its transactions: the default lane, which it cannot have, means lane procedure.
void set_command(store::NewHandler* h, std::string_view command, store::Lane lane) {
    if (lane == store::Lane::batch) {
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "a command cannot run in lane batch")
            .hint("Commands run in lane procedure.");
    }
    check_command(command);
    h->command = command;
    h->shape = static_cast<char>(store::Shape::command);
    h->lane = "procedure";
}

void set_function(store::NewHandler* h, std::string_view name, store::Lane lane) {
    const HandlerFunction f =
        find_function(accept(core::check_name("handler", name, kMaxHandlerBytes)), lane);
    check_may_execute(f, h->run_as);
    h->function = f.signature;
    h->shape = static_cast<char>(f.shape);
}

// A handler gets the jobs of its kind, and their args, in every queue that its registrar operates. NULL: in
// all.
OptionalDatum served_queues() {
    if (store::may_all(store::Bundle::operate)) return std::nullopt;
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<std::string_view> queues(&memory);
    store::granted_queues(store::Bundle::operate, &queues);
    pg::vector<Datum> names(&memory);
    for (const std::string_view q : queues) names.push_back(pg::text_datum(q));
    return pg::array_datum(pg::kText, {names.data(), names.size()});
}

// The name of a kind is everybody's: whoever does not operate all queues registers none that has jobs in
// queues of others. One that serves some queues already may be registered anew.
void require_on_waiting(std::string_view kind) {
    if (store::may_all(store::Bundle::operate) || store::find_handler(kind).confined) return;
    store::RangeRow row{};
    for (bool more = store::next_range(&row, true); more; more = store::next_range(&row, false)) {
        if (row.spec().kind == kind) store::require(store::Bundle::operate, row.spec().queue);
    }
}

}  // namespace

FOREMAN_PUBLIC(register_handler) {
    store::require_writable("foreman.register_handler()");
    store::NewHandler h = check_settings(fcinfo);
    const OptionalText handler = optional_text(pg::optional_argument(fcinfo, kHandler));
    const OptionalText command = optional_text(pg::optional_argument(fcinfo, kCommand));
    require_either(handler, command);
    h.lane = required_text(pg::optional_argument(fcinfo, kLane), "lane");
    const store::Lane lane = parse_lane(h.lane);
    store::require(store::Bundle::operate, h.queue);
    require_on_present(h.kind);
    require_on_waiting(h.kind);
    h.run_as = check_run_as(pg::optional_argument(fcinfo, kRunAs));
    if (command) {
        set_command(&h, *command, lane);
    } else {
        set_function(&h, *handler, lane);
    }
    store::grant_handler_functions(h.run_as);
    h.serves = served_queues();
    return BoolGetDatum(store::put_handler(h));
}

FOREMAN_PUBLIC(unregister_handler) {
    store::require_writable("foreman.unregister_handler()");
    const std::string_view kind = required_name(pg::optional_argument(fcinfo, kKind), "kind");
    const bool silent = wants_silence(fcinfo, 1, "if_exists");
    require_on_present(kind);
    if (store::remove_handler(kind)) return BoolGetDatum(true);
    return absent("handler of kind", kind, silent, "The view foreman.handlers lists the handlers.");
}

}  // namespace foreman::api
