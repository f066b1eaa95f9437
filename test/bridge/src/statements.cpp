// Kept statements, rows, values.
#include "probe.hpp"

namespace foreman::bridge {
namespace {

constinit pg::Statement find{
    "find", "SELECT id, body, amount, done, at, kind FROM bridge.item WHERE id = $1", {INT8OID}};
constinit pg::Statement star{"star", "SELECT * FROM bridge.item ORDER BY id"};
constinit pg::Statement change{
    "change", "UPDATE bridge.item SET body = $2 WHERE id <= $1", {INT8OID, TEXTOID}};
constinit pg::Statement wrong{"wrong", "SELECT bridge.no_such_function($1)", {INT4OID}};
constinit pg::Statement big{"big", "SELECT g FROM pg_catalog.generate_series(1, $1) g", {INT4OID}};

struct PlanCounts {
    std::int64_t generic, custom;
};

PlanCounts plan_counts(const pg::Statement& statement) {
    const SPIPlanPtr plan = statement.plan();
    if (plan == nullptr) return {0, 0};
    return pg::guarded([plan] {
        const auto* const source =
            static_cast<const CachedPlanSource*>(linitial(SPI_plan_get_plan_sources(plan)));
        return PlanCounts{source->num_generic_plans, source->num_custom_plans};
    });
}

}  // namespace

// find(id) -> what Row reads of each type
FOREMAN_FUNCTION(bridge_find) {
    const MemoryContext caller = CurrentMemoryContext;
    char text[512];
    pg::SpiSession session;
    pg::Args<1> args;
    args.i64(1, DatumGetInt64(pg::argument(fcinfo, 0)));
    const pg::Rows rows = find.execute(args, true);
    if (rows.empty()) return pg::return_null(fcinfo);
    const pg::Row row = rows[0];
    const std::string_view body = row.is_null(2) ? "NULL" : row.view(2);
    const std::string_view kind = row.name(6);
    std::snprintf(text, sizeof text, "%lld %.*s(%zu) %g %s %s %.*s", static_cast<long long>(row.i64(1)),
                  static_cast<int>(std::min<std::size_t>(body.size(), 20)), body.data(), body.size(),
                  row.f64(3), row.boolean(4) ? "done" : "open",
                  row.optional_datum(5).has_value() ? "timed" : "untimed", static_cast<int>(kind.size()),
                  kind.data());
    return pg::text_datum(text, caller);
}

// star() -> number of columns and rows
FOREMAN_FUNCTION(bridge_star) {
    const MemoryContext caller = CurrentMemoryContext;
    char text[64];
    pg::SpiSession session;
    const pg::Rows rows = star.execute(true);
    std::int64_t ids = 0;
    for (const pg::Row row : rows) ids += row.i64(1);
    std::snprintf(text, sizeof text, "%d columns, %zu rows, ids %lld", rows.desc()->natts, rows.size(),
                  static_cast<long long>(ids));
    return pg::text_datum(text, caller);
}

// change(id, body) -> rows affected
FOREMAN_FUNCTION(bridge_change) {
    pg::SpiSession session;
    pg::Args<2> args;
    args.i64(1, DatumGetInt64(pg::argument(fcinfo, 0)));
    if (const auto body = pg::text_argument(fcinfo, 1)) args.text(2, *body);
    return Int64GetDatum(static_cast<std::int64_t>(change.execute(args).processed()));
}

FOREMAN_FUNCTION(bridge_wrong) {
    pg::SpiSession session;
    pg::Args<1> args;
    wrong.execute(args.i32(1, 1));
    return pg::return_null(fcinfo);
}

// Without an SpiSession: an internal error that names the statement.
FOREMAN_FUNCTION(bridge_unconnected) {
    find.execute(pg::Args<1>());
    return pg::return_null(fcinfo);
}

// An error inside a function that has SPI open itself, while rows are held: they are no longer that level's
// to free, and the server would warn.
FOREMAN_FUNCTION(bridge_error_beside_rows) {
    pg::SpiSession session;
    try {
        pg::Subtransaction sub;
        pg::Args<1> args;
        args.i32(1, 10);
        const pg::Rows rows = big.execute(args);
        run_sql("DO $$BEGIN RAISE EXCEPTION 'nested'; END$$");
    } catch (pg::PgError& e) {
        pg::log(NOTICE, "caught", e);
    }
    return pg::return_null(fcinfo);
}

FOREMAN_FUNCTION(bridge_plan_counts) {
    const PlanCounts counts = plan_counts(find);
    pg::ResultSet result(fcinfo);
    result.put(
        std::array<std::optional<Datum>, 2>{BoolGetDatum(counts.generic > 0), Int64GetDatum(counts.custom)});
    return result.done();
}

// In one session, n results of 1000 rows each: they free their memory.
FOREMAN_FUNCTION(bridge_long_session) {
    const int count = DatumGetInt32(pg::argument(fcinfo, 0));
    pg::SpiSession session;
    pg::Args<1> args;
    args.i32(1, 1000);
    std::int64_t before = 0;
    for (int i = 0; i < count; ++i) {
        if (i == 10) before = context_bytes();
        pg::Rows rows = big.execute(args, true);
        rows = big.execute(args, true);
        if (rows.size() != 1000) return BoolGetDatum(false);
    }
    return BoolGetDatum(context_bytes() <= before);
}

// Two sessions within one another: the inner one is closed by its destructor.
FOREMAN_FUNCTION(bridge_nested_sessions) {
    pg::SpiSession outer;
    pg::Args<1> args;
    args.i32(1, 3);
    const pg::Rows outer_rows = big.execute(args, true);
    {
        pg::SpiSession inner(pg::SpiSession::Mode::nonatomic);
        args.i32(1, 5);
        const pg::Rows inner_rows = big.execute(args, true, 4);
        if (inner_rows.size() != 4) return BoolGetDatum(false);
    }
    return BoolGetDatum(outer_rows.size() == 3 && outer_rows[2].i32(1) == 3);
}

// --- values

FOREMAN_FUNCTION(bridge_echo_text) { return pg::text_datum(pg::text_view(pg::argument(fcinfo, 0))); }

FOREMAN_FUNCTION(bridge_echo_jsonb) {
    return pg::jsonb_from_text(pg::jsonb_to_text(pg::argument(fcinfo, 0)));
}

FOREMAN_FUNCTION(bridge_parse_jsonb) { return pg::jsonb_from_text(pg::text_view(pg::argument(fcinfo, 0))); }

FOREMAN_FUNCTION(bridge_echo_time) {
    return pg::to_datum(pg::to_instant(pg::argument(fcinfo, 0)) + core::days(1));
}

FOREMAN_FUNCTION(bridge_interval) {
    const pg::IntervalParts parts = pg::interval_parts(pg::argument(fcinfo, 0));
    if (parts.months != 0) return pg::return_null(fcinfo);
    return pg::interval_datum(core::days(parts.days) + core::Micros{parts.us});
}

FOREMAN_FUNCTION(bridge_echo_uuid) { return pg::uuid_datum(pg::uuid_bytes(pg::argument(fcinfo, 0))); }

// Each array, rebuilt.
FOREMAN_FUNCTION(bridge_echo_texts) {
    const pg::Elements texts = pg::array_elements(pg::argument(fcinfo, 0), pg::kText);
    return pg::array_datum(pg::kText, texts.span(), texts.nulls);
}

FOREMAN_FUNCTION(bridge_reversed) {
    const pg::Elements numbers = pg::array_elements(pg::argument(fcinfo, 0), pg::kInt8);
    pg::ContextResource resource(CurrentMemoryContext);
    pg::vector<std::int64_t> reversed(&resource);
    for (int i = numbers.count; i-- > 0;) reversed.push_back(DatumGetInt64(numbers.values[i]));
    return pg::int8_array({reversed.data(), reversed.size()});
}

// A row of bridge.pair in, the swapped one out; and in an array of rows.
FOREMAN_FUNCTION(bridge_swapped) {
    const Datum row = pg::argument(fcinfo, 0);
    const auto number = pg::composite_attribute(row, 1);
    const auto text = pg::composite_attribute(row, 2);
    const Datum values[] = {Int32GetDatum(number ? -DatumGetInt32(*number) : 0), text.value_or(Datum{0})};
    const bool nulls[] = {!number.has_value(), !text.has_value()};
    return pg::composite_datum(pg::result_desc(fcinfo), values, nulls);
}

FOREMAN_FUNCTION(bridge_pairs) {
    const Oid type = DatumGetObjectId(pg::argument(fcinfo, 0));
    const Datum values[] = {Int32GetDatum(7), pg::text_datum("seven")};
    const bool nulls[] = {false, false};
    const Datum rows[] = {pg::composite_datum(pg::composite_desc(type), values, nulls), Datum{0}};
    const bool row_nulls[] = {false, true};
    return pg::array_datum(pg::element_type(type), rows, row_nulls);
}

}  // namespace foreman::bridge
