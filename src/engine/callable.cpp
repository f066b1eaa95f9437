// See callable.hpp.
#include "engine/callable.hpp"

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"
#include "store/db/schema.hpp"
#include "store/jobs/job_value.hpp"

namespace foreman::engine {

namespace {

constinit HTAB* g_callables = nullptr;

struct Entry {
    char kind[256];
    MemoryContext context;
    Callable callable;
};

HTAB* table() {
    if (g_callables == nullptr) {
        g_callables = pg::guarded([] {
            HASHCTL ctl{};
            ctl.keysize = sizeof(Entry::kind);
            ctl.entrysize = sizeof(Entry);
            ctl.hcxt = TopMemoryContext;
            return hash_create("foreman callables", 32, &ctl, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
        });
    }
    return g_callables;
}

[[noreturn]] void function_is_gone(const store::Handler& h) {
    throw pg::Failure(ERRCODE_UNDEFINED_FUNCTION, "handler %s of kind \"%.*s\" does not exist", h.function,
                      h.kind_len, h.name)
        .hint("Create it again, or register another with foreman.register_handler().");
}

void load(Entry* e, const store::Handler& h) {
    const Oid oid = pg::find_stored(h.function);
    if (!OidIsValid(oid)) function_is_gone(h);
    if (!pg::may_execute(oid, GetUserId())) {
        throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied for handler %s", h.function)
            .hint("Grant EXECUTE on it to the role that the handler runs as.");
    }
    Callable& c = e->callable;
    c.function.forget();
    if (e->context != nullptr) {
        MemoryContextReset(e->context);
    } else {
        e->context = pg::guarded(
            [] { return AllocSetContextCreate(TopMemoryContext, "foreman callable", ALLOCSET_SMALL_SIZES); });
    }
    c.function.load(oid, e->context);
    c.shape = h.shape;
    c.handler_loaded = h.loaded;
    c.function_generation = store::function_generation();
}

}  // namespace

Callable& callable_for(const store::Handler& h) {
    Entry* e = pg::guarded([&h]() -> Entry* {
        bool found = false;
        auto* entry = static_cast<Entry*>(hash_search(table(), h.name, HASH_ENTER, &found));
        if (!found) {
            entry->context = nullptr;
            new (&entry->callable) Callable{};
        }
        return entry;
    });
    Callable& c = e->callable;
    if (!c.function.ready() || c.handler_loaded != h.loaded ||
        c.function_generation != store::function_generation())
        load(e, h);
    return c;
}

Datum jobs_datum(std::span<const store::Job> jobs) {
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<Datum> rows(&memory);
    rows.reserve(jobs.size());
    for (const store::Job& j : jobs) rows.push_back(store::job_datum(j, j.attempt + 1));
    return pg::array_datum(pg::element_type(store::schema().job_type), {rows.data(), rows.size()});
}

std::optional<Datum> call_handler(Callable& c, const store::Job& job, int attempt, MemoryContext context) {
    const Datum argument = c.shape == store::Shape::jsonb ? job.args : store::job_datum(job, attempt);
    return c.function.call_for_jsonb({&argument, 1}, context);
}

void call_void_batch(Callable& c, Datum jobs) { (void)c.function.call({&jobs, 1}); }

}  // namespace foreman::engine
