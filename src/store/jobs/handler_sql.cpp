// See handler_sql.hpp. Function names are stored qualified and quoted by the server (format_procedure), up to
// the parenthesis.
#include "store/jobs/handler_sql.hpp"

#include "core/validate.hpp"
#include "pg/call.hpp"
#include "pg/command.hpp"
#include "pg/datum.hpp"
#include "store/definitions/definitions.hpp"

namespace foreman::store {

namespace {

// The name without its argument types; quoted identifiers may hold parentheses, the types of ours never do.
std::string_view bare_name(std::string_view signature) noexcept {
    const std::size_t at = signature.rfind('(');
    return at == std::string_view::npos ? signature : signature.substr(0, at);
}

core::Outcome parse_outcome(std::string_view text) {
    if (text == "completed") return core::Outcome::completed;
    if (text == "failed") return core::Outcome::failed;
    if (text == "discarded") return core::Outcome::discarded;
    if (text == "snoozed") return core::Outcome::snoozed;
    if (text == "cancelled") return core::Outcome::cancelled;
    throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "outcome \"%.*s\" does not exist",
                      static_cast<int>(std::min<std::size_t>(text.size(), 64)), text.data())
        .hint("Allowed are completed, failed, discarded, snoozed and cancelled.");
}

BatchOutcome read_outcome(const pg::Row& row, MemoryContext context) {
    if (row.is_null(1))
        throw pg::Failure(ERRCODE_NULL_VALUE_NOT_ALLOWED, "job_id of a foreman.job_outcome is NULL");
    BatchOutcome o{row.i64(1), {}};
    Attempt& a = o.attempt;
    if (!row.is_null(2)) a.outcome = parse_outcome(row.view(2));
    if (!row.is_null(3)) a.result = pg::copy_varlena(row.datum(3), context);
    if (!row.is_null(4)) {
        const std::string_view text = row.view(4);
        a.reason = {pg::copy_text(text, context), text.size()};
    }
    if (!row.is_null(5)) {
        const pg::IntervalParts p = pg::interval_parts(row.datum(5));
        const auto checked =
            core::check_duration("run_in", p.months, p.days, p.us, core::Micros{0}, core::days(3660));
        if (!checked.ok())
            throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "run_in %s is not allowed: %s",
                              checked.error().value, checked.error().allowed);
        a.run_in = checked.value();
    }
    return o;
}

}  // namespace

void call_batch(const char* function, Datum jobs, Oid jobs_type, MemoryContext context,
                pg::vector<BatchOutcome>* out) {
    const std::string_view name = bare_name(function);
    const pg::SpiSession spi;
    Datum value = jobs;
    Oid type = jobs_type;
    pg::guarded([&] {
        const char* sql = psprintf("SELECT o.job_id, o.outcome, o.result, o.error, o.run_in FROM %.*s($1) o",
                                   static_cast<int>(name.size()), name.data());
        const int rc = SPI_execute_with_args(sql, 1, &type, &value, nullptr, false, 0);
        if (rc != SPI_OK_SELECT) elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(rc));
    });
    const pg::Rows rows(SPI_tuptable, SPI_processed);
    for (const pg::Row row : rows) out->push_back(read_outcome(row, context));
}

void call_procedure(const char* function, Oid argument_type, Datum argument, int statement_ms) {
    const std::string_view name = bare_name(function);
    char sql[4 * NAMEDATALEN + 32];
    std::snprintf(sql, sizeof(sql), "CALL %.*s($1)", static_cast<int>(name.size()), name.data());
    pg::run_command(sql, argument_type, argument, statement_ms);
}

}  // namespace foreman::store
