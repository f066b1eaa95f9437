// What a caller of enqueue() and its siblings asks for, checked, with defaults filled in.
// The values come as arguments of a function or from a jsonb object, in the order of enqueue's parameters.
#pragma once

#include <array>

#include "request/arguments.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::request {

// enqueue's parameters; enqueue_array has an array as args.
enum Parameter : int {
    kKind,
    kArgs,
    kQueue,
    kPriority,
    kRunAt,
    kMaxAttempts,
    kUniqueKey,
    kUniqueFor,
    kOnConflict,
    kConcurrencyKey,
    kSequenceKey,
    kDependsOn,
    kOnDependency,
    kBatchId,
    kTimeout,
    kExpiresAt,
    kTags,
    kMetadata,
    kParameterCount
};
inline constexpr std::array<const char*, kParameterCount> kParameterNames{
    "kind",          "args",       "queue",       "priority",        "run_at",       "max_attempts",
    "unique_key",    "unique_for", "on_conflict", "concurrency_key", "sequence_key", "depends_on",
    "on_dependency", "batch_id",   "timeout",     "expires_at",      "tags",         "metadata"};
using EnqueueValues = std::array<OptionalDatum, kParameterCount>;

EnqueueValues values_of(FunctionCallInfo fcinfo) noexcept;

/// does: checks everything but args and fills in defaults: the handler's setting, else the queue's, else the
///     general one.
/// returns: a job whose names and values live as long as `values` and the definitions do
/// errors: those of arguments.hpp; 42501 without bundle producer on the queue
store::NewJob check_options(const EnqueueValues& values);
/// errors: 54000 beyond 256 MB; a warning beyond 1 MB.
void check_size(Datum value, const char* argument);
/// errors: 22004 for NULL, 54000 beyond 256 MB; a warning beyond 1 MB. `ordinal` of an array's element, or 0.
void check_args(OptionalDatum args, int ordinal = 0);

}  // namespace foreman::request
