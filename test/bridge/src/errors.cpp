// Errors in both directions: what must survive the bridges, and what must not be left behind.
#include <stdexcept>

#include "probe.hpp"

FOREMAN_MODULE_MAGIC("foreman_bridge", "1.0")

namespace foreman::bridge {

int run_sql(const char* sql, int depth) {
    const Counted counted;
    if (depth > 1) return run_sql(sql, depth - 1);
    return pg::call<&SPI_execute>(sql, false, 0L);
}

void describe(const pg::PgError& error, char* text, std::size_t size) {
    std::snprintf(text, size, "%s | %s | %s | %s | %s | %s", error.sqlstate_text(), error.message(),
                  error.detail(), error.hint(), error.context(), error.constraint());
}

namespace {

[[noreturn]] void throw_kind(std::string_view kind) {
    if (kind == "bad_alloc") throw std::bad_alloc();
    if (kind == "failure") throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "plain failure");
    if (kind == "failure with hint") {
        throw pg::Failure(ERRCODE_NO_DATA_FOUND, "no queue \"%s\"", "mail")
            .detail("There are %d queues.", 3)
            .hint("Create it with %s first.", "create_queue");
    }
    if (kind == "std::exception") throw std::runtime_error("100% of a library's words");
    if (kind == "length_error") pg::vector<int>(std::pmr::new_delete_resource()).reserve(SIZE_MAX / 2);
    throw 42;
}

char* argument_text(FunctionCallInfo fcinfo, int index) {
    return pg::copy_text(pg::text_view(pg::argument(fcinfo, index)));
}

}  // namespace

// run(sql, depth): an error of the SQL passes through depth C++ frames, each with a destructor.
FOREMAN_FUNCTION(bridge_run) {
    char* const sql = argument_text(fcinfo, 0);
    pg::SpiSession session;
    return Int32GetDatum(run_sql(sql, DatumGetInt32(pg::argument(fcinfo, 1))));
}

// run_without_context(sql)
FOREMAN_FUNCTION(bridge_run_without_context) {
    char* const sql = argument_text(fcinfo, 0);
    pg::SpiSession session;
    try {
        run_sql(sql);
    } catch (pg::PgError& error) {
        error.without_context();
        throw;
    }
    return pg::return_null(fcinfo);
}

FOREMAN_FUNCTION(bridge_destroyed) { return Int32GetDatum(std::exchange(destroyed, 0)); }

FOREMAN_FUNCTION(bridge_throw) {
    const Counted counted;
    throw_kind(pg::text_view(pg::argument(fcinfo, 0)));
}

// A message far longer than a Failure holds, of two-byte letters: what fits is an odd number of bytes.
FOREMAN_FUNCTION(bridge_throw_long) {
    static_assert(pg::Failure::kTextSize % 2 == 0);
    char text[3 * pg::Failure::kTextSize + 1];
    for (std::size_t i = 0; i + 1 < sizeof text; i += 2) std::memcpy(text + i, "\xc3\xa9", 2);
    text[sizeof text - 1] = '\0';
    throw pg::Failure(ERRCODE_INTERNAL_ERROR, "%s", text).hint("%s", text);
}

// Is anything left of an exception, of the server's handler stack, of held interrupts?
FOREMAN_FUNCTION(bridge_clean) {
    return BoolGetDatum(std::current_exception() == nullptr && std::uncaught_exceptions() == 0 &&
                        InterruptHoldoffCount == 0 && QueryCancelHoldoffCount == 0 && CritSectionCount == 0);
}

// Two errors alive at once, the second caught while the first is handled; then the first goes on.
FOREMAN_FUNCTION(bridge_two_errors) {
    pg::SpiSession session;
    try {
        pg::Subtransaction sub;
        run_sql(
            "DO $$BEGIN RAISE EXCEPTION 'first' USING ERRCODE = '22012', DETAIL = 'detail of first'; END$$");
    } catch (pg::PgError& first) {
        try {
            pg::Subtransaction sub;
            run_sql("DO $$BEGIN RAISE EXCEPTION 'second' USING ERRCODE = '22004'; END$$");
        } catch (pg::PgError& second) {
            pg::log(NOTICE, "caught", second);
        }
        throw;
    }
    return pg::return_null(fcinfo);
}

// A C++ exception out of a guarded block leaves the server's handlers as they were.
FOREMAN_FUNCTION(bridge_throw_in_guarded) {
    sigjmp_buf* const handler = PG_exception_stack;
    try {
        pg::guarded([] { throw_kind("failure"); });
    } catch (const pg::Failure&) {
        return BoolGetDatum(PG_exception_stack == handler);
    }
    return BoolGetDatum(false);
}

// Values, references and nothing at all come back from guarded calls and blocks.
FOREMAN_FUNCTION(bridge_values) {
    int sum = 0;
    pg::guarded([&sum] { sum += 40; });
    sum += pg::guarded([] { return 2; });
    const MemoryContext context = pg::call<&MemoryContextSwitchTo>(TopMemoryContext);
    const bool switched = CurrentMemoryContext == TopMemoryContext;
    MemoryContextSwitchTo(context);
    return BoolGetDatum(switched && sum == 42 && pg::call<&superuser_arg>(Oid{BOOTSTRAP_SUPERUSERID}));
}

// After an error the caller's memory context is the current one again, and not the error context.
FOREMAN_FUNCTION(bridge_context_after_error) {
    pg::Subtransaction sub;
    const MemoryContext context = CurrentMemoryContext;
    try {
        pg::guarded([] {
            MemoryContextSwitchTo(TopMemoryContext);
            elog(ERROR, "an error");
        });
    } catch (pg::PgError&) {
        return BoolGetDatum(CurrentMemoryContext == context);
    }
    return BoolGetDatum(false);
}

FOREMAN_FUNCTION(bridge_log) {
    pg::log(NOTICE, "%d%% of %s", 100, "it");
    pg::log(WARNING, pg::Failure(ERRCODE_DATA_CORRUPTED, "a warning").detail("a detail").hint("a hint"));
    return pg::return_null(fcinfo);
}

// Ends its own session from below several C++ frames: FATAL does not come back and unwinds nothing.
FOREMAN_FUNCTION(bridge_terminate_self) {
    pg::SpiSession session;
    const Counted counted;
    run_sql("SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid()), pg_catalog.pg_sleep(60)",
            5);
    return pg::return_null(fcinfo);
}

}  // namespace foreman::bridge
