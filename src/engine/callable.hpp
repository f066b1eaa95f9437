// Handlers as callables: looked up once, called through fmgr, their results as jsonb.
// Called by the runner with the identity of the handler's role; looked up again when the function or the
// registration changed.
#pragma once

#include "pg/function.hpp"
#include "store/definitions/definitions.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::engine {

struct Callable {
    pg::Function function;
    store::Shape shape;
    uint64 handler_loaded;
    uint64 function_generation;
};

/// errors: 42883 when the function is gone, 42501 without EXECUTE, 42P13 when its shape changed.
Callable& callable_for(const store::Handler& handler);
/// foreman.job[] of jobs.
Datum jobs_datum(std::span<const store::Job> jobs);
/// Calls f(jsonb) or f(foreman.job).
/// returns: its result as jsonb in `context`, nothing for void and NULL
std::optional<Datum> call_handler(Callable& callable, const store::Job& job, int attempt,
                                  MemoryContext context);
/// Calls a void f(foreman.job[]).
void call_void_batch(Callable& callable, Datum jobs);

}  // namespace foreman::engine
