// See enqueue_request.hpp. Called once per job: no allocation but for tags.
#include "api/enqueue_request.hpp"

#include "pg/error.hpp"
#include "store/access.hpp"
#include "store/clock.hpp"

namespace foreman::api {

namespace {

constexpr std::size_t kWarnBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxBytes = std::size_t{256} << 20;
constexpr int kMaxTags = 100;

void check_tags(OptionalDatum tags) {
    if (!tags) return;
    const pg::Elements e = required_elements(tags, "tags", pg::kText);
    accept(core::check_qty("number of tags", e.count, 0, kMaxTags));
    for (int i = 0; i < e.count; i++)
        required_name(e.nulls[i] ? OptionalDatum{} : OptionalDatum{e.values[i]}, "tag");
}

void check_size(Datum value, const char* argument) {
    const std::size_t bytes = pg::datum_bytes(value);
    if (bytes <= kWarnBytes) [[likely]]
        return;
    const int mb = static_cast<int>(bytes >> 20);
    if (bytes > kMaxBytes) {
        throw pg::Failure(ERRCODE_PROGRAM_LIMIT_EXCEEDED, "%s of %d MB is too large", argument, mb)
            .hint("Allowed: up to 256 MB. Store large data in a table and pass its key.");
    }
    pg::log(WARNING, pg::Failure(ERRCODE_WARNING, "%s of %d MB makes a slow job", argument, mb)
                         .hint("Store large data in a table and pass its key."));
}

}  // namespace

EnqueueValues values_of(FunctionCallInfo fcinfo) noexcept {
    EnqueueValues values;
    for (int i = 0; i < kParameterCount; i++)
        values[static_cast<std::size_t>(i)] = pg::optional_argument(fcinfo, i);
    return values;
}

store::NewJob check_options(const EnqueueValues& v) {
    store::NewJob job;
    job.kind = required_name(v[kKind], "kind");
    const OptionalText queue = optional_name(v[kQueue], "queue");
    const store::Handler& handler = store::find_handler(job.kind);
    job.queue = queue ? *queue : handler.queue_name();
    store::require(store::Bundle::producer, job.queue);
    // A handler belongs to its queue: who may not feed that may not run it from another one either.
    if (handler.exists && handler.queue_name() != job.queue)
        store::require(store::Bundle::producer, handler.queue_name());

    const std::optional<int16> priority = optional_priority(v[kPriority]);
    job.priority = priority ? *priority : store::find_queue(job.queue).priority;
    const std::optional<int16> max_attempts = optional_max_attempts(v[kMaxAttempts]);
    job.max_attempts = max_attempts               ? *max_attempts
                       : handler.max_attempts > 0 ? handler.max_attempts
                                                  : int16{store::kDefaultMaxAttempts};
    job.run_at = optional_instant(v[kRunAt], "run_at").value_or(store::now());
    if (const auto timeout = optional_duration(v[kTimeout], "timeout", kTimeouts))
        job.timeout_us = timeout->us;
    job.expires_at = optional_instant(v[kExpiresAt], "expires_at");
    check_tags(v[kTags]);
    job.tags = v[kTags];
    if (v[kMetadata]) check_size(*v[kMetadata], "metadata");
    job.metadata = v[kMetadata];
    job.role = handler.run_as;
    return job;
}

void check_args(OptionalDatum args, int ordinal) {
    if (!args && ordinal > 0)
        throw pg::Failure(ERRCODE_NULL_VALUE_NOT_ALLOWED, "element %d of args must not be NULL", ordinal)
            .hint("Allowed: a jsonb value; '{}' says that there are none.");
    if (!args)
        throw pg::Failure(ERRCODE_NULL_VALUE_NOT_ALLOWED, "args must not be NULL")
            .hint("Allowed: a jsonb value; '{}' says that there are none.");
    check_size(*args, "args");
}

}  // namespace foreman::api
