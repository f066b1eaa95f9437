// See functions.hpp.
#include "engine/workflow/functions.hpp"

#include "board/settings.hpp"
#include "pg/call.hpp"
#include "pg/compat.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"
#include "store/db/schema.hpp"

namespace foreman::engine {

namespace {

constinit HTAB* g_types = nullptr;
constinit bool g_inside = false;  // a function of a workflow runs

struct Entry {
    char type[256];
    MemoryContext context;
    TypeFunctions functions;
    uint64 loaded;
    uint64 function_generation;
    bool ready;
};

HTAB* table() {
    if (g_types == nullptr) {
        g_types = pg::guarded([] {
            HASHCTL ctl{};
            ctl.keysize = sizeof(Entry::type);
            ctl.entrysize = sizeof(Entry);
            ctl.hcxt = TopMemoryContext;
            return hash_create("foreman workflow functions", 16, &ctl,
                               HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
        });
    }
    return g_types;
}

// The type by name, so that the message says where to look.
Oid find(const store::WorkflowType& type, const char* what, const char* name) {
    const Oid oid = pg::find_stored(name);
    if (!OidIsValid(oid))
        throw pg::Failure(ERRCODE_UNDEFINED_FUNCTION, "%s of workflow type \"%s\" does not exist: %s", what,
                          type.name, name)
            .hint("Create it again, or name another with foreman.alter_workflow_type().");
    if (!pg::may_execute(oid, type.run_as))
        throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE,
                          "permission denied for %s of workflow type \"%s\": %s", what, type.name, name)
            .hint("Grant EXECUTE on it to the role that the type runs as.");
    return oid;
}

bool load(pg::Function* function, const store::WorkflowType& type, const char* what, const char* name,
          MemoryContext context) {
    function->forget();
    if (*name == '\0') return false;
    function->load(find(type, what, name), context);
    return true;
}

// The text of a function, so that a dump and a restore keep the snapshots; a body in standard SQL has no text.
uint64 text_identity(Oid function) {
    return pg::guarded([function]() -> uint64 {
        HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
        if (!HeapTupleIsValid(tuple)) return 0;
        uint64 h = 0;
        for (const int column : {Anum_pg_proc_prosrc, Anum_pg_proc_prosqlbody}) {
            bool is_null = false;
            const Datum value = SysCacheGetAttr(PROCOID, tuple, static_cast<AttrNumber>(column), &is_null);
            if (is_null) continue;
            const char* body = TextDatumGetCString(value);
            h = hash_combine64(h, hash_bytes_extended(reinterpret_cast<const unsigned char*>(body),
                                                      static_cast<int>(strlen(body)), 0));
        }
        ReleaseSysCache(tuple);
        return h;
    });
}

const char* schema_of(const store::WorkflowType& type) {
    const char* name = "";
    for (const char* each : {type.decide, type.evolve, type.is_terminal, type.unique_key}) {
        if (*name == '\0') name = each;
    }
    if (*name == '\0' && !type.upcasters.empty()) name = type.upcasters.front().function;
    if (*name == '\0') return "";
    const Oid oid = pg::find_stored(name);
    return pg::guarded(
        [oid]() -> const char* { return quote_identifier(get_namespace_name(get_func_namespace(oid))); });
}

void load_all(Entry* e, const store::WorkflowType& t) {
    e->ready = false;
    if (e->context != nullptr) {
        MemoryContextReset(e->context);
    } else {
        e->context = pg::guarded([] {
            return AllocSetContextCreate(TopMemoryContext, "foreman workflow functions",
                                         ALLOCSET_SMALL_SIZES);
        });
    }
    TypeFunctions& f = e->functions;
    load(&f.decide, t, "decide", t.decide, e->context);
    f.has_evolve = load(&f.evolve, t, "evolve", t.evolve, e->context);
    f.has_terminal = load(&f.is_terminal, t, "is_terminal", t.is_terminal, e->context);
    f.has_unique_key = load(&f.unique_key, t, "unique_key", t.unique_key, e->context);
    uint64 identity = f.has_evolve ? text_identity(pg::find_stored(t.evolve)) : 0;
    f.upcasters =
        static_cast<pg::Function*>(pg::allocate(sizeof(pg::Function) * (t.upcasters.size() + 1), e->context));
    for (std::size_t i = 0; i < t.upcasters.size(); i++) {
        new (&f.upcasters[i]) pg::Function{};
        load(&f.upcasters[i], t, "an upcaster", t.upcasters[i].function, e->context);
        identity = hash_combine64(identity, text_identity(pg::find_stored(t.upcasters[i].function)));
    }
    f.evolve_identity = static_cast<int64>(identity);
    f.schema = pg::copy_text(schema_of(t), e->context);
    e->loaded = t.loaded;
    e->function_generation = store::function_generation();
    e->ready = true;
}

// A call that failed leaves a function to be loaded again.
bool all_ready(const Entry& e, const store::WorkflowType& t) {
    const TypeFunctions& f = e.functions;
    bool ready = (*t.decide == '\0' || f.decide.ready()) && (!f.has_evolve || f.evolve.ready()) &&
                 (!f.has_terminal || f.is_terminal.ready()) && (!f.has_unique_key || f.unique_key.ready());
    for (std::size_t i = 0; i < t.upcasters.size(); i++) ready = ready && f.upcasters[i].ready();
    return ready;
}

}  // namespace

TypeFunctions& functions_of(const store::WorkflowType& t) {
    if (g_inside)
        throw pg::Failure(
            ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            "a function of a workflow type must not ask for another workflow's state or decision")
            .hint("Let decide answer \"signals\" or \"children\".");
    if (!settings::superuser_handlers && pg::call<&superuser_arg>(t.run_as))
        throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE,
                          "workflow type \"%s\" cannot be used: its role is a superuser", t.name)
            .detail("Work as superusers is disallowed when foreman.superuser_handlers is set to off.")
            .hint("Give it another role: foreman.alter_workflow_type(..., run_as => ...).");
    Entry* e = pg::guarded([&t]() -> Entry* {
        bool found = false;
        auto* entry = static_cast<Entry*>(hash_search(table(), t.name, HASH_ENTER, &found));
        if (!found) {
            entry->context = nullptr;
            entry->ready = false;
            new (&entry->functions) TypeFunctions{};
        }
        return entry;
    });
    if (!e->ready || e->loaded != t.loaded || e->function_generation != store::function_generation() ||
        !all_ready(*e, t))
        load_all(e, t);
    return e->functions;
}

AsType::AsType(const store::WorkflowType& type, const TypeFunctions& functions)
    : run_as_(type.run_as, SECURITY_RESTRICTED_OPERATION) {
    if (*functions.schema == '\0') return;
    const char* path =
        pg::guarded([schema = functions.schema]() -> const char* { return psprintf("%s, pg_temp", schema); });
    settings_.set("search_path", path);
}

AsType::Inside::Inside() noexcept { g_inside = true; }
AsType::Inside::~Inside() { g_inside = false; }

}  // namespace foreman::engine
