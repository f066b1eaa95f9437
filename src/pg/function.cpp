// See function.hpp. Names are resolved by namespace.c and regproc.c, so that they mean what they mean in SQL.
#include "pg/function.hpp"

#include <cstring>
#include <utility>

#include "pg/call.hpp"
#include "pg/compat.hpp"
#include "pg/datum.hpp"
#include "pg/identity.hpp"
#include "pg/server_timeouts.hpp"

namespace foreman::pg {

namespace {

// A setting of the function itself comes too late for the call that is being made. May ereport.
int own_statement_timeout(Oid function) {
    constexpr std::string_view kSetting = "statement_timeout=";
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple)) return kSessionTimeout;
    int ms = kSessionTimeout;
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

// to_jsonb takes anyelement: it asks its call expression for the type. May ereport.
void prepare_to_jsonb(FmgrInfo* to_jsonb, Oid type, MemoryContext context) {
    const MemoryContext old = MemoryContextSwitchTo(context);
    fmgr_info_cxt(F_TO_JSONB, to_jsonb, context);
    Node* argument = reinterpret_cast<Node*>(makeNullConst(type, -1, InvalidOid));
    FuncExpr* expr = makeFuncExpr(F_TO_JSONB, JSONBOID, list_make1(argument), InvalidOid, InvalidOid,
                                  COERCE_EXPLICIT_CALL);
    fmgr_info_set_expr(reinterpret_cast<Node*>(expr), to_jsonb);
    MemoryContextSwitchTo(old);
}

// As a call from SQL. May ereport.
Datum invoke(FmgrInfo* function, std::span<const Datum> arguments, bool* is_null) {
    LOCAL_FCINFO(fcinfo, FUNC_MAX_ARGS);
    const auto n = static_cast<short>(arguments.size());
    InitFunctionCallInfoData(*fcinfo, function, n, InvalidOid, nullptr, nullptr);
    for (short i = 0; i < n; i++) {
        fcinfo->args[i].value = arguments[static_cast<std::size_t>(i)];
        fcinfo->args[i].isnull = false;
    }
    PgStat_FunctionCallUsage usage;
    pgstat_init_function_usage(fcinfo, &usage);
    const Datum result = FunctionCallInvoke(fcinfo);
    pgstat_end_function_usage(&usage, true);
    *is_null = fcinfo->isnull;
    return result;
}

}  // namespace

FunctionSignature read_signature(Oid function) {
    FunctionSignature s;
    guarded([&s, function] {
        HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
        if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for function %u", function);
        const auto* proc = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
        s.oid = function;
        for (int i = 0; i < proc->pronargs; i++) s.arguments.push_back(proc->proargtypes.values[i]);
        s.result = proc->prorettype;
        s.kind = proc->prokind;
        s.returns_set = proc->proretset;
        s.has_out = !heap_attisnull(tuple, Anum_pg_proc_proallargtypes, nullptr);
        s.temporary = isAnyTempNamespace(proc->pronamespace);
        ReleaseSysCache(tuple);
    });
    return s;
}

Oid find_by_signature(std::string_view name_and_types) {
    const char* text = copy_text(name_and_types);
    return guarded(
        [text] { return DatumGetObjectId(DirectFunctionCall1(regprocedurein, CStringGetDatum(text))); });
}

std::span<const Oid> find_by_name(std::string_view name, MemoryContext context) {
    const Datum value = text_datum(name);
    const FuncCandidateList all = guarded([value] {
        List* names = textToQualifiedNameList(DatumGetTextPP(value));
        return FuncnameGetCandidates(names, -1, NIL, false, false, false, true);
    });
    std::size_t n = 0;
    for (FuncCandidateList c = all; c != nullptr; c = c->next) n++;
    if (n == 0) return {};
    auto* oids = static_cast<Oid*>(allocate(sizeof(Oid) * n, context));
    n = 0;
    for (FuncCandidateList c = all; c != nullptr; c = c->next) oids[n++] = c->oid;
    return {oids, n};
}

Oid find_stored(const char* name_and_types) {
    // Whoever asks for what a function does for him needs no right on its schema; its own role does.
    const RunAs scope(BOOTSTRAP_SUPERUSERID);
    return guarded([name_and_types]() -> Oid {
        LOCAL_FCINFO(fcinfo, 1);  // DirectFunctionCall refuses the NULL that says "no such function"
        InitFunctionCallInfoData(*fcinfo, nullptr, 1, InvalidOid, nullptr, nullptr);
        fcinfo->args[0].value = CStringGetTextDatum(name_and_types);
        fcinfo->args[0].isnull = false;
        const Datum found = to_regprocedure(fcinfo);
        return fcinfo->isnull ? InvalidOid : DatumGetObjectId(found);
    });
}

const char* qualified_name(Oid function) {
    return guarded([function]() -> const char* { return format_procedure_qualified(function); });
}

bool may_execute(Oid function, Oid role) {
    return call<&compat::function_aclcheck>(function, role, static_cast<AclMode>(ACL_EXECUTE)) == ACLCHECK_OK;
}

bool may_use_schema_of(Oid function, Oid role) {
    const Oid schema = call<&get_func_namespace>(function);
    return call<&compat::schema_aclcheck>(schema, role, static_cast<AclMode>(ACL_USAGE)) == ACLCHECK_OK;
}

void Function::load(Oid function, MemoryContext context) {
    forget();
    guarded([&] {
        fmgr_info_cxt(function, &function_, context);
        result_type_ = get_func_rettype(function);
        returns_set_ = get_func_retset(function);
        statement_ms_ = own_statement_timeout(function);
        if (result_type_ != VOIDOID && result_type_ != JSONBOID && !returns_set_)
            prepare_to_jsonb(&to_jsonb_, result_type_, context);
    });
    oid_ = function;
}

std::optional<Datum> Function::call(std::span<const Datum> arguments) {
    bool is_null = false;
    const Oid oid = std::exchange(oid_, InvalidOid);
    const Datum result = guarded([&] { return invoke(&function_, arguments, &is_null); });
    oid_ = oid;
    if (is_null || result_type_ == VOIDOID) return std::nullopt;
    return result;
}

std::optional<Datum> Function::call_for_jsonb(std::span<const Datum> arguments, MemoryContext context) {
    const std::optional<Datum> result = call(arguments);
    if (!result) return std::nullopt;
    return guarded([&] {
        Datum value = result_type_ == JSONBOID ? *result : FunctionCall1(&to_jsonb_, *result);
        const MemoryContext old = MemoryContextSwitchTo(context);
        value = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
        MemoryContextSwitchTo(old);
        return value;
    });
}

}  // namespace foreman::pg
