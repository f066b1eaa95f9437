// See test_report.hpp. Nothing here runs as our owner. The views see what the caller may see.
#include "store/testing/test_report.hpp"

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/identity.hpp"
#include "pg/memory.hpp"
#include "pg/spi.hpp"
#include "pg/xact.hpp"
#include "store/db/sql_names.hpp"

namespace foreman::store {

namespace {

constinit pg::Statement g_has_job{
    "test_has_job",
    "SELECT COALESCE(pg_catalog.bool_or(j.matches), false), COALESCE(pg_catalog.string_agg(pg_catalog.format("
    "'%s %s %s', j.job_id, j.state, j.args), E'\\n' ORDER BY j.job_id) FILTER (WHERE j.n " LE
    " 5), 'there is no unfinished job of this kind') FROM (SELECT v.job_id, v.state, v.args, ($2 IS NULL OR "
    "v.args "
    "OPERATOR(pg_catalog.@>) $2) AS matches, pg_catalog.row_number() OVER (ORDER BY v.job_id) AS n "
    "FROM foreman.jobs v WHERE v.kind " EQ " $1 AND v.finished_at IS NULL) j",
    {TEXTOID, JSONBOID}};

constinit pg::Statement g_has_timer{
    "test_has_timer",
    "SELECT pg_catalog.count(*) " GT
    " 0, COALESCE(pg_catalog.string_agg(pg_catalog.format('%s %s, due at %s', t.job_id, t.state, t.fire_at), "
    "E'\\n' ORDER BY t.job_id), 'there is no timer of this kind and key') FROM foreman.timers t WHERE "
    "t.kind " EQ " $1 AND t.key " EQ " $2",
    {TEXTOID, TEXTOID}};

constinit pg::Statement g_has_schedule{
    "test_has_schedule",
    "SELECT COALESCE(pg_catalog.bool_or(s.active), false), COALESCE(pg_catalog.max(pg_catalog.format("
    "'it is not active: %s', COALESCE(s.error, 'switched off'))), 'there is no schedule of this name') "
    "FROM foreman.schedules s WHERE s.name " EQ " $1",
    {TEXTOID}};

constinit pg::Statement g_tap_schema{
    "tap_schema",
    "SELECT pg_catalog.quote_ident(n.nspname::pg_catalog.text) FROM pg_catalog.pg_extension e "
    "JOIN pg_catalog.pg_namespace n ON n.oid " EQ " e.extnamespace WHERE e.extname " EQ " 'pgtap'"};

constinit pg::Statement g_job_state{
    "test_job_state", "SELECT state FROM foreman.jobs WHERE job_id " EQ " $1", {INT8OID}};

// The schema of pgTAP, quoted; nullptr: it is not installed.
const char* tap_schema() {
    const MemoryContext caller = CurrentMemoryContext;
    const pg::SpiSession spi;
    const pg::Rows rows = g_tap_schema.execute();
    return rows.empty() ? nullptr : pg::copy_text(rows[0].view(1), caller);
}

std::string_view tap_call(const char* schema, const char* call, int arguments, Oid* types, Datum* values) {
    return pg::guarded([&]() -> std::string_view {
        const char* sql = psprintf("SELECT %s.%s::pg_catalog.text", schema, call);
        const int rc = SPI_execute_with_args(sql, arguments, types, values, nullptr, false, 0);
        if (rc != SPI_OK_SELECT || SPI_processed != 1)
            elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(rc));
        char* text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
        return text == nullptr ? std::string_view{} : std::string_view{text};
    });
}

}  // namespace

bool test_has_job(std::string_view kind, std::optional<Datum> args, const char** seen) {
    const MemoryContext caller = CurrentMemoryContext;
    const pg::SpiSession spi;
    pg::Args<2> a;
    a.text(1, kind);
    if (args) a.set(2, *args);
    const pg::Rows rows = g_has_job.execute(a);
    *seen = pg::copy_text(rows[0].view(2), caller);
    return rows[0].boolean(1);
}

bool test_has_timer(std::string_view kind, std::string_view key, const char** seen) {
    const MemoryContext caller = CurrentMemoryContext;
    const pg::SpiSession spi;
    pg::Args<2> a;
    a.text(1, kind).text(2, key);
    const pg::Rows rows = g_has_timer.execute(a);
    *seen = pg::copy_text(rows[0].view(2), caller);
    return rows[0].boolean(1);
}

bool test_has_schedule(std::string_view name, const char** seen) {
    const MemoryContext caller = CurrentMemoryContext;
    const pg::SpiSession spi;
    pg::Args<1> a;
    a.text(1, name);
    const pg::Rows rows = g_has_schedule.execute(a);
    *seen = pg::copy_text(rows[0].view(2), caller);
    return rows[0].boolean(1);
}

const char* test_job_state(int64 job_id) {
    const MemoryContext caller = CurrentMemoryContext;
    const pg::SpiSession spi;
    pg::Args<1> a;
    a.i64(1, job_id);
    const pg::Rows rows = g_job_state.execute(a);
    return rows.empty() ? "" : pg::copy_text(rows[0].view(1), caller);
}

// pgTAP's functions call one another by bare names.
Datum report_test(bool passed, std::string_view description, const char* diagnosis) {
    const char* schema = tap_schema();
    if (schema == nullptr) {
        throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "pgTAP is not installed in this database")
            .hint("Run CREATE EXTENSION pgtap.");
    }
    const MemoryContext caller = CurrentMemoryContext;
    pg::GucScope settings;
    settings.set("search_path", pg::guarded([schema]() -> const char* {
                     return psprintf("%s, %s", schema, GetConfigOption("search_path", false, false));
                 }));
    const pg::SpiSession spi;
    Oid types[] = {BOOLOID, TEXTOID};
    Datum values[] = {BoolGetDatum(passed), pg::text_datum(description)};
    const std::string_view line = tap_call(schema, "ok($1, $2)", 2, types, values);
    if (passed) return pg::text_datum(line, caller);
    Datum text[] = {pg::text_datum(diagnosis)};
    const std::string_view notes = tap_call(schema, "diag($1)", 1, types + 1, text);
    return pg::guarded([&] {
        const MemoryContext old = MemoryContextSwitchTo(caller);
        const Datum both =
            CStringGetTextDatum(psprintf("%.*s\n%.*s", static_cast<int>(line.size()), line.data(),
                                         static_cast<int>(notes.size()), notes.data()));
        MemoryContextSwitchTo(old);
        return both;
    });
}

}  // namespace foreman::store
