// The bridge from C++ to Postgres: every extern "C" function that the server calls goes through here. An
// escaped exception is copied, its catch block left, and only then reported, so that the exception object is
// destroyed before the longjmp (std::current_exception() is null afterwards).
//   PgError -> the same error, with everything it carried     bad_alloc -> 53200
//   Failure -> its SQLSTATE, message, detail, hint             anything else -> XX000
// Callbacks that must not fail (shmem_exit, XactCallback, GUC hooks) do not belong here: make them noexcept.
#pragma once

#include "pg/error.hpp"

namespace foreman::pg {

// Runs impl; an exception becomes ereport(ERROR), which does not return. Cost without an error: below 2 ns.
Datum entry(FunctionCallInfo fcinfo, Datum (*impl)(FunctionCallInfo));

// The same for main functions of background workers, _PG_init and hooks that may raise. In a background
// worker the ERROR ends the process (exit code 1) after it is logged.
void run_guarded(void (*body)(void*), void* arg);

// The same for a lambda that is called at once; captures may be anything that lives in the caller, but what
// the lambda creates itself is what is protected: an error is raised past the caller's frame.
template <class F>
void run_guarded(F& body) {
    run_guarded([](void* arg) { (*static_cast<F*>(arg))(); }, &body);
}

}  // namespace foreman::pg

// Defines the SQL-callable function foreman_<name>, exported; the body that follows it may throw.
//   FOREMAN_FUNCTION(enqueue) { ... return Int64GetDatum(id); }
// Only the exported symbols are global; the body is <name>_body, local to the file. Its parameter is fcinfo.
#define FOREMAN_FUNCTION(name)                                                                           \
    static Datum name##_body(FunctionCallInfo fcinfo);                                                   \
    extern "C" {                                                                                         \
    FOREMAN_EXPORT const Pg_finfo_record* pg_finfo_foreman_##name(void);                                 \
    FOREMAN_EXPORT Datum foreman_##name(FunctionCallInfo fcinfo);                                        \
    const Pg_finfo_record* pg_finfo_foreman_##name(void) {                                               \
        static constexpr Pg_finfo_record kRecord = {1};                                                  \
        return &kRecord;                                                                                 \
    }                                                                                                    \
    Datum foreman_##name(FunctionCallInfo fcinfo) { return ::foreman::pg::entry(fcinfo, &name##_body); } \
    }                                                                                                    \
    static Datum name##_body([[maybe_unused]] FunctionCallInfo fcinfo)
