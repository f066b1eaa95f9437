// What a decision of a workflow has, compared with what a test wants. See test_report.hpp.
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/spi.hpp"
#include "store/db/sql_names.hpp"
#include "store/testing/test_report.hpp"

namespace foreman::store {

namespace {

#define WITH_DEFAULTS(events)                                                                       \
    "(SELECT COALESCE(pg_catalog.jsonb_agg('{\"data\": {}, \"version\": 1}'::pg_catalog.jsonb " CAT \
    " e.x ORDER BY e.n), '[]') FROM pg_catalog.jsonb_array_elements(" events                        \
    ") WITH ORDINALITY AS e (x, n))"
#define PART "COALESCE($1 OPERATOR(pg_catalog.->) $2, '[]')"

constinit pg::Statement g_events{
    "test_decision_events",
    "SELECT have " EQ
    " want, pg_catalog.format(E'        have: %s\\n        want: %s', have, want) FROM "
    "(SELECT " WITH_DEFAULTS(PART) " AS have, " WITH_DEFAULTS("$3") " AS want) v",
    {JSONBOID, TEXTOID, JSONBOID}};

constinit pg::Statement g_contains{
    "test_decision_contains",
    "SELECT pg_catalog.jsonb_array_length(have) " EQ
    " pg_catalog.jsonb_array_length($3) AND NOT EXISTS (SELECT FROM pg_catalog.jsonb_array_elements($3) WITH "
    "ORDINALITY AS w (x, n) WHERE NOT (have OPERATOR(pg_catalog.->) (w.n " MINUS
    " 1)::pg_catalog.int4) OPERATOR(pg_catalog.@>) w.x), pg_catalog.format(E'        have: %s\\n        "
    "want: "
    "%s', have, $3) FROM (SELECT " PART " AS have) v",
    {JSONBOID, TEXTOID, JSONBOID}};

constinit pg::Statement g_same{"test_same_json", "SELECT $1 " EQ " $2", {JSONBOID, JSONBOID}};

const char* described(const char* what, Datum json, MemoryContext context) {
    const std::string_view text = pg::jsonb_to_text(json);
    return pg::copy_text(pg::guarded([&]() -> const char* {
                             return psprintf("        %s: %.*s", what, static_cast<int>(text.size()),
                                             text.data());
                         }),
                         context);
}

}  // namespace

bool test_decision(Datum decision, const char* part, Datum wanted, Compare how, const char** seen) {
    const MemoryContext caller = CurrentMemoryContext;
    const pg::SpiSession spi;
    pg::Args<3> a;
    a.set(1, decision).text(2, part).set(3, wanted);
    const pg::Rows rows = (how == Compare::events ? g_events : g_contains).execute(a);
    *seen = pg::copy_text(rows[0].view(2), caller);
    return rows[0].boolean(1);
}

bool test_rejection(bool rejected, Datum answer, std::optional<Datum> wanted, const char** seen) {
    const MemoryContext caller = CurrentMemoryContext;
    if (!rejected) {
        *seen = described("it was accepted", answer, caller);
        return false;
    }
    *seen = described("it was rejected with", answer, caller);
    if (!wanted) return true;
    const pg::SpiSession spi;
    pg::Args<2> a;
    a.set(1, answer).set(2, *wanted);
    return g_same.execute(a)[0].boolean(1);
}

const char* describe_rejection(Datum rejection) {
    return described("it was rejected with", rejection, CurrentMemoryContext);
}

}  // namespace foreman::store
