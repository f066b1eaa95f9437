// See command.hpp. The sequence of calls is that of exec_simple_query in tcop/postgres.c, with a receiver
// that drops rows.
#include "pg/command.hpp"

#include "pg/call.hpp"
#include "pg/memory.hpp"
#include "pg/server_timeouts.hpp"

namespace foreman::pg {

namespace {

struct Parameter {
    Oid type;
    Datum value;
};

// How long each statement may take.
struct Limit {
    bool is_ours;  // not that of a client whose statement called us
    int ms;
    void begin() const {
        if (is_ours) arm_statement_timer(ms);
    }
    void end() const noexcept {
        if (is_ours) disarm_statement_timer();
    }
};

// In the portal's transaction; by reference values are the caller's.
ParamListInfo make_params(const Parameter* parameter) {
    if (parameter == nullptr) return nullptr;
    ParamListInfo params = makeParamList(1);
    params->params[0].value = parameter->value;
    params->params[0].isnull = false;
    params->params[0].pflags = PARAM_FLAG_CONST;
    params->params[0].ptype = parameter->type;
    return params;
}

// As EndCommand in tcop/dest.c.
void write_tag(const QueryCompletion& c, CommandTagText* said) {
    const char* name = GetCommandTagName(c.commandTag);
    if (!command_tag_display_rowcount(c.commandTag)) {
        std::snprintf(said->text, sizeof(said->text), "%s", name);
    } else {
        std::snprintf(said->text, sizeof(said->text), "%s%s " UINT64_FORMAT, name,
                      c.commandTag == CMDTAG_INSERT ? " 0" : "", c.nprocessed);
    }
}

void refuse_client(const RawStmt* raw) {
    if (!needs_a_client(raw)) return;
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("a command in the background cannot COPY to STDOUT or from STDIN"),
                    errhint("Copy to or from a file or a program, or write into a table.")));
}

// Plans are kept in `parsed`: a procedure that commits ends the transaction's own memory while it runs.
void run_statement(RawStmt* raw, const char* sql, MemoryContext parsed, bool several, bool last,
                   const Parameter* parameter, Limit limit, CommandTagText* said) {
    StartTransactionCommand();
    limit.begin();
    MemoryContextSwitchTo(parsed);
    if (several) BeginImplicitTransactionBlock();
    CHECK_FOR_INTERRUPTS();
    refuse_client(raw);
    if (IsAbortedTransactionBlockState() && !IsA(raw->stmt, TransactionStmt)) {
        ereport(ERROR,
                (errcode(ERRCODE_IN_FAILED_SQL_TRANSACTION),
                 errmsg("current transaction is aborted, commands ignored until end of transaction block")));
    }
    bool snapshot = false;
    if (analyze_requires_snapshot(raw)) {
        PushActiveSnapshot(GetTransactionSnapshot());
        snapshot = true;
    }
    Oid type = parameter == nullptr ? InvalidOid : parameter->type;
    List* rewritten =
        pg_analyze_and_rewrite_fixedparams(raw, sql, &type, parameter == nullptr ? 0 : 1, nullptr);
    List* plans = pg_plan_queries(rewritten, sql, CURSOR_OPT_PARALLEL_OK, nullptr);
    if (snapshot) PopActiveSnapshot();
    const CommandTag tag = CreateCommandTag(raw->stmt);
    Portal portal = CreateNewPortal();
    portal->visible = false;
    PortalDefineQuery(portal, nullptr, sql, tag, plans, nullptr);
    const MemoryContext caller = MemoryContextSwitchTo(portal->portalContext);
    ParamListInfo params = make_params(parameter);
    MemoryContextSwitchTo(caller);
    PortalStart(portal, params, 0, InvalidSnapshot);
    int16 format = 0;
    PortalSetResultFormat(portal, 1, &format);
    QueryCompletion completion;
    InitializeQueryCompletion(&completion);
    compat::portal_run(portal, None_Receiver, &completion);
    PortalDrop(portal, false);
    if (said != nullptr) write_tag(completion, said);
    limit.end();
    if (last) {
        if (several) EndImplicitTransactionBlock();
        CommitTransactionCommand();
    } else if (IsA(raw->stmt, TransactionStmt)) {
        CommitTransactionCommand();
    } else {
        CommandCounterIncrement();
    }
}

void run_all(const char* sql, MemoryContext parsed, const Parameter* parameter, Limit limit,
             CommandTagText* said) {
    StartTransactionCommand();
    MemoryContext old = MemoryContextSwitchTo(parsed);
    List* statements = pg_parse_query(sql);
    MemoryContextSwitchTo(old);
    CommitTransactionCommand();
    const int n = list_length(statements);
    for (int i = 0; i < n; i++) {
        run_statement(static_cast<RawStmt*>(list_nth(statements, i)), sql, parsed, n > 1, i == n - 1,
                      parameter, limit, said);
    }
}

}  // namespace

bool needs_a_client(const RawStmt* statement) noexcept {
    if (!IsA(statement->stmt, CopyStmt)) return false;
    return reinterpret_cast<const CopyStmt*>(statement->stmt)->filename == nullptr;
}

namespace {

void run(const char* sql, const Parameter* parameter, CommandTagText* said = nullptr,
         int statement_ms = kSessionTimeout) {
    const Context parsed("foreman command");
    const MemoryContext caller = CurrentMemoryContext;
    SetCurrentStatementStartTimestamp();
    const MemoryContext memory = parsed.get();
    const Limit limit{!is_statement_timed(), statement_ms};
    try {
        guarded([&] { run_all(sql, memory, parameter, limit, said); });
        if (IsTransactionOrTransactionBlock()) {
            throw Failure(ERRCODE_ACTIVE_SQL_TRANSACTION,
                          "the command began a transaction and did not end it")
                .detail("What the transaction did was rolled back.")
                .hint("End it with COMMIT.");
        }
        MemoryContextSwitchTo(caller);
    } catch (...) {
        limit.end();
        must_succeed("abort of a command", [] { AbortOutOfAnyTransaction(); });
        MemoryContextSwitchTo(caller);
        throw;
    }
}

}  // namespace

void run_command(const char* sql) { run(sql, nullptr); }

void run_command(const char* sql, CommandTagText* tag) {
    tag->text[0] = '\0';
    run(sql, nullptr, tag);
}

void run_command(const char* sql, Oid type, Datum value, int statement_ms) {
    const Parameter parameter{type, value};
    run(sql, &parameter, nullptr, statement_ms);
}

void run_utility(const char* sql) {
    guarded([sql] {
        auto* raw = linitial_node(RawStmt, raw_parser(sql, RAW_PARSE_DEFAULT));
        PlannedStmt* statement = makeNode(PlannedStmt);
        statement->commandType = CMD_UTILITY;
        statement->utilityStmt = raw->stmt;
        statement->stmt_location = raw->stmt_location;
        statement->stmt_len = raw->stmt_len;
        PushActiveSnapshot(GetTransactionSnapshot());
        ProcessUtility(statement, sql, false, PROCESS_UTILITY_SUBCOMMAND, nullptr, nullptr, None_Receiver,
                       nullptr);
        PopActiveSnapshot();
        CommandCounterIncrement();
    });
}

}  // namespace foreman::pg
