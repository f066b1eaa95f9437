// create_projection(), pause_projection(), resume_projection(), move_projection(), rebuild_projection(),
// drop_projection(): who gets the events of workflows.
//
// needs: bundle operator on the projection's queue, the right to SET ROLE to run_as, and to see the events of its types.
// errors: 42501; 42883 and 42P13 for functions; 42710 for a projection that is there, 42704 for one that is not; 55000
// for a rebuild beside another one; 25006; arguments as in request/arguments.hpp.
// cost: some rows. pause_, resume_ and drop_projection() wait for the transaction that handles events, 100 ms or so.
#include "store/feed/projections.hpp"

#include "api/absent.hpp"
#include "api/feed/filter.hpp"
#include "api/handle/run_as.hpp"
#include "api/handle/type_functions.hpp"
#include "pg/memory.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"
#include "store/definitions/definitions.hpp"

namespace foreman::api {

namespace {

enum Parameter : int { kName, kHandler, kTypes, kEventTypes, kFrom, kBatch, kRunAs, kQueueName };

constexpr int64 kMostInBatch = 10'000;
constexpr const char* kView = "The view foreman.projections lists them.";

std::string_view required_projection(OptionalDatum value) {
    const std::string_view name = required_name(value, "name");
    if (name.size() > store::kMaxProjectionBytes)
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "name \"%.60s...\" is too long", name.data())
            .hint("Allowed: up to %d bytes.", store::kMaxProjectionBytes);
    return name;
}

struct Found {
    std::string_view function;
    bool takes_array;
};

// f(foreman.event), or f(foreman.event[]) where there is no such function.
Found find_projection_function(std::string_view name, const char* argument, Oid role) {
    constexpr const char* kWords = "f(foreman.event) or f(foreman.event[]) that returns void";
    const Oid one[] = {store::schema().event_type};
    const Oid many[] = {store::schema().event_array_type};
    try {
        return {find_type_function({argument, one, VOIDOID, kWords}, name, role), false};
    } catch (const pg::Failure& f) {
        if (f.sqlstate() != ERRCODE_UNDEFINED_FUNCTION && f.sqlstate() != ERRCODE_INVALID_FUNCTION_DEFINITION)
            throw;
    }
    return {find_type_function({argument, many, VOIDOID, kWords}, name, role), true};
}

// errors: 42501 for one of a queue that is not the caller's
bool find_own(std::string_view name, store::Projection* out) {
    if (!store::read_projection(name, store::RowLock::none, CurrentMemoryContext, out)) return false;
    store::require(store::Bundle::operate, store::projection_handler(name).queue_name());
    return true;
}

const char* rebuild_of(std::string_view name) {
    return pg::guarded([name]() -> const char* {
        return psprintf("%.*s:rebuild", static_cast<int>(name.size()), name.data());
    });
}

void add(const store::NewProjection& p) {
    store::grant_handler_functions(p.run_as);
    if (store::add_projection(p)) return;
    throw pg::Failure(ERRCODE_DUPLICATE_OBJECT, "projection \"%.*s\" exists", static_cast<int>(p.name.size()),
                      p.name.data())
        .hint("Drop it first, or give the other one another name.");
}

}  // namespace

FOREMAN_PUBLIC(create_projection) {
    store::require_writable("foreman.create_projection()");
    store::NewProjection p;
    p.name = required_projection(pg::optional_argument(fcinfo, kName));
    if (p.name.find(':') != std::string_view::npos)
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "name \"%.*s\" has a colon",
                          static_cast<int>(p.name.size()), p.name.data())
            .hint("Names with a colon are those of rebuilds.");
    p.queue =
        optional_name(pg::optional_argument(fcinfo, kQueueName), "queue").value_or(store::kDefaultQueue);
    store::require(store::Bundle::operate, p.queue);
    p.filter.types = wanted_types(pg::optional_argument(fcinfo, kTypes));
    p.filter.event_types = wanted_event_types(pg::optional_argument(fcinfo, kEventTypes));
    const OptionalDatum from = pg::optional_argument(fcinfo, kFrom);
    p.position = from ? required_settled_position(from, "from_position") : store::settled_position();
    p.batch =
        static_cast<int32>(required_count(pg::optional_argument(fcinfo, kBatch), "batch", 1, kMostInBatch));
    p.run_as = check_run_as(pg::optional_argument(fcinfo, kRunAs));
    const Found found = find_projection_function(
        required_text(pg::optional_argument(fcinfo, kHandler), "handler"), "handler", p.run_as);
    p.handler = found.function;
    p.takes_array = found.takes_array;
    add(p);
    return BoolGetDatum(true);
}

FOREMAN_PUBLIC(pause_projection) {
    store::require_writable("foreman.pause_projection()");
    const std::string_view name = required_projection(pg::optional_argument(fcinfo, 0));
    const bool silent = wants_silence(fcinfo, 1, "if_exists");
    store::Projection p;
    if (!find_own(name, &p) || !store::read_projection(name, store::RowLock::wait, CurrentMemoryContext, &p))
        return absent("projection", name, silent, kView);
    if (p.state == store::ProjectionState::paused) return BoolGetDatum(false);
    store::set_projection_state(name, store::ProjectionState::paused);
    return BoolGetDatum(true);
}

FOREMAN_PUBLIC(resume_projection) {
    store::require_writable("foreman.resume_projection()");
    const std::string_view name = required_projection(pg::optional_argument(fcinfo, 0));
    const bool silent = wants_silence(fcinfo, 1, "if_exists");
    store::Projection p;
    if (!find_own(name, &p) || !store::read_projection(name, store::RowLock::wait, CurrentMemoryContext, &p))
        return absent("projection", name, silent, kView);
    const bool was_paused = p.state == store::ProjectionState::paused;
    if (was_paused) store::set_projection_state(name, store::ProjectionState::running);
    const bool waited = store::hurry_projection(name);
    return BoolGetDatum(was_paused || waited);
}

FOREMAN_PUBLIC(rebuild_projection) {
    store::require_writable("foreman.rebuild_projection()");
    const std::string_view name = required_projection(pg::optional_argument(fcinfo, 0));
    store::Projection old;
    if (!find_own(name, &old)) return absent("projection", name, false, kView);
    if (!old.replaces.empty())
        throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "projection \"%.*s\" is a rebuild itself",
                          static_cast<int>(name.size()), name.data());
    const store::Handler& handler = store::projection_handler(name);
    const Oid run_as = check_run_as(ObjectIdGetDatum(handler.run_as));
    const std::string_view into = required_text(pg::optional_argument(fcinfo, 1), "into");
    const Found found = find_projection_function(into, "into", run_as);
    if (found.function == handler.function)
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "into %.*s is the handler of projection \"%.*s\"",
                          static_cast<int>(into.size()), into.data(), static_cast<int>(name.size()),
                          name.data())
            .hint("Events would be handled twice. Give another function, which writes elsewhere.");
    store::NewProjection p;
    p.name = rebuild_of(name);
    p.queue = pg::copy_text(handler.queue_name());
    p.filter = old.filter;
    p.batch = old.batch;
    p.position = required_settled_position(pg::optional_argument(fcinfo, 3), "from_position");
    p.run_as = run_as;
    p.handler = found.function;
    p.takes_array = found.takes_array;
    p.replaces = old.name;
    if (const OptionalText on_switch = optional_text(pg::optional_argument(fcinfo, 2)))
        p.on_switch =
            find_type_function({"on_switch", {}, VOIDOID, "f() that returns void"}, *on_switch, run_as);
    add(p);
    return BoolGetDatum(true);
}

FOREMAN_PUBLIC(move_projection) {
    store::require_writable("foreman.move_projection()");
    const std::string_view name = required_projection(pg::optional_argument(fcinfo, 0));
    const int64 to = required_settled_position(pg::optional_argument(fcinfo, 1), "to_position");
    store::Projection p;
    if (!find_own(name, &p) || !store::read_projection(name, store::RowLock::wait, CurrentMemoryContext, &p))
        return absent("projection", name, false, kView);
    if (to != p.position) store::move_projection(p, to, 0);
    store::hurry_projection(name);
    return Int64GetDatum(p.position);
}

FOREMAN_PUBLIC(drop_projection) {
    store::require_writable("foreman.drop_projection()");
    const std::string_view name = required_projection(pg::optional_argument(fcinfo, 0));
    const bool silent = wants_silence(fcinfo, 1, "if_exists");
    store::Projection p;
    if (!find_own(name, &p)) return absent("projection", name, silent, kView);
    const char* rebuild = rebuild_of(name);
    store::Projection other;
    if (store::read_projection(rebuild, store::RowLock::wait, CurrentMemoryContext, &other))
        store::remove_projection(rebuild);
    if (!store::read_projection(name, store::RowLock::wait, CurrentMemoryContext, &p))
        return absent("projection", name, silent, kView);
    return BoolGetDatum(store::remove_projection(name));
}

}  // namespace foreman::api
