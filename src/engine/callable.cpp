// See callable.hpp.
#include "engine/callable.hpp"

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"
#include "pg/server_timeouts.hpp"
#include "store/db/schema.hpp"
#include "store/jobs/job_value.hpp"

namespace foreman::worker {

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
                      h.kind_len, h.kind)
        .hint("Create it again, or register another with foreman.register_handler().");
}

Oid resolve(const store::Handler& h) {
    const Oid oid = pg::guarded([&h]() -> Oid {
        LOCAL_FCINFO(fcinfo, 1);  // DirectFunctionCall refuses the NULL that says "no such function"
        InitFunctionCallInfoData(*fcinfo, nullptr, 1, InvalidOid, nullptr, nullptr);
        fcinfo->args[0].value = CStringGetTextDatum(h.function);
        fcinfo->args[0].isnull = false;
        const Datum found = to_regprocedure(fcinfo);
        return fcinfo->isnull ? InvalidOid : DatumGetObjectId(found);
    });
    if (!OidIsValid(oid)) function_is_gone(h);
    return oid;
}

// to_jsonb takes anyelement: it asks its call expression for the type.
void prepare_to_jsonb(Callable* c, MemoryContext context) {
    const Oid type = c->result_type;
    pg::guarded([&] {
        const MemoryContext old = MemoryContextSwitchTo(context);
        fmgr_info_cxt(F_TO_JSONB, &c->to_jsonb, context);
        Node* argument = reinterpret_cast<Node*>(makeNullConst(type, -1, InvalidOid));
        FuncExpr* expr = makeFuncExpr(F_TO_JSONB, JSONBOID, list_make1(argument), InvalidOid, InvalidOid,
                                      COERCE_EXPLICIT_CALL);
        fmgr_info_set_expr(reinterpret_cast<Node*>(expr), &c->to_jsonb);
        MemoryContextSwitchTo(old);
    });
}

// A setting of the function itself comes too late for the call that is being made. May ereport.
int own_statement_timeout(Oid function) {
    constexpr std::string_view kSetting = "statement_timeout=";
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple)) return pg::kSessionTimeout;
    int ms = pg::kSessionTimeout;
    bool is_null = false;
    const Datum settings = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proconfig, &is_null);
    Datum* each = nullptr;
    int n = 0;
    if (!is_null)
        deconstruct_array(DatumGetArrayTypeP(settings), TEXTOID, -1, false, TYPALIGN_INT, &each, nullptr, &n);
    for (int i = 0; i < n; i++) {
        const char* setting = TextDatumGetCString(each[i]);
        if (std::strncmp(setting, kSetting.data(), kSetting.size()) == 0)
            (void)parse_int(setting + kSetting.size(), &ms, GUC_UNIT_MS, nullptr);
    }
    ReleaseSysCache(tuple);
    return ms;
}

void load(Entry* e, const store::Handler& h) {
    const Oid oid = resolve(h);
    if (pg::call<&pg::compat::function_aclcheck>(oid, GetUserId(), static_cast<AclMode>(ACL_EXECUTE)) !=
        ACLCHECK_OK) {
        throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied for handler %s", h.function)
            .hint("Grant EXECUTE on it to the role that the handler runs as.");
    }
    if (e->context != nullptr) MemoryContextReset(e->context);
    Callable& c = e->callable;
    c.oid = InvalidOid;
    pg::guarded([&] {
        if (e->context == nullptr)
            e->context = AllocSetContextCreate(TopMemoryContext, "foreman callable", ALLOCSET_SMALL_SIZES);
        fmgr_info_cxt(oid, &c.function, e->context);
        c.result_type = get_func_rettype(oid);
        c.returns_set = get_func_retset(oid);
        c.statement_ms = own_statement_timeout(oid);
    });
    if (c.result_type != VOIDOID && c.result_type != JSONBOID && !c.returns_set)
        prepare_to_jsonb(&c, e->context);
    c.shape = h.shape;
    c.handler_loaded = h.loaded;
    c.function_generation = store::function_generation();
    c.oid = oid;
}

// As a call from SQL: counted where track_functions says so.
Datum invoke(FmgrInfo* function, Datum argument, bool* is_null) {
    LOCAL_FCINFO(fcinfo, 1);
    InitFunctionCallInfoData(*fcinfo, function, 1, InvalidOid, nullptr, nullptr);
    fcinfo->args[0].value = argument;
    fcinfo->args[0].isnull = false;
    PgStat_FunctionCallUsage usage;
    pgstat_init_function_usage(fcinfo, &usage);
    const Datum result = FunctionCallInvoke(fcinfo);
    pgstat_end_function_usage(&usage, true);
    *is_null = fcinfo->isnull;
    return result;
}

}  // namespace

Callable& callable_for(const store::Handler& h) {
    Entry* e = pg::guarded([&h]() -> Entry* {
        bool found = false;
        auto* entry = static_cast<Entry*>(hash_search(table(), h.kind, HASH_ENTER, &found));
        if (!found) {
            entry->context = nullptr;
            std::memset(static_cast<void*>(&entry->callable), 0, sizeof(Callable));
        }
        return entry;
    });
    Callable& c = e->callable;
    if (c.oid == InvalidOid || c.handler_loaded != h.loaded ||
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
    bool is_null = false;
    FmgrInfo* function = &c.function;
    // An error leaves what the function keeps in its FmgrInfo half done: it is looked up anew then.
    const Oid oid = std::exchange(c.oid, InvalidOid);
    const Datum raw = pg::guarded([&] { return invoke(function, argument, &is_null); });
    c.oid = oid;
    if (is_null || c.result_type == VOIDOID) return std::nullopt;
    FmgrInfo* to_jsonb_function = c.result_type == JSONBOID ? nullptr : &c.to_jsonb;
    return pg::guarded([&] {
        Datum value = to_jsonb_function == nullptr ? raw : FunctionCall1(to_jsonb_function, raw);
        const MemoryContext old = MemoryContextSwitchTo(context);
        value = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
        MemoryContextSwitchTo(old);
        return value;
    });
}

void call_void_batch(Callable& c, Datum jobs) {
    bool is_null = false;
    FmgrInfo* function = &c.function;
    const Oid oid = std::exchange(c.oid, InvalidOid);
    pg::guarded([&] { invoke(function, jobs, &is_null); });
    c.oid = oid;
}

}  // namespace foreman::worker
