// See enqueue_request.hpp. Called once per job: no allocation but for tags.
#include "request/enqueue_request.hpp"

#include <utility>

#include "pg/error.hpp"
#include "store/db/clock.hpp"
#include "store/definitions/access.hpp"

namespace foreman::request {

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

constexpr int kMaxDependencies = 10000;
constexpr Span kUniqueFors{core::milliseconds(1), core::days(3653)};

// One of two words or more, or what stands for none.
template <class T, std::size_t n>
T choice_of(OptionalDatum value, const char* argument, const std::pair<std::string_view, T> (&choices)[n],
            const char* allowed) {
    if (!value) return choices[0].second;
    const std::string_view word = pg::text_view(*value);
    for (const auto& [name, meaning] : choices) {
        if (name == word) return meaning;
    }
    refuse(core::make_error(core::ErrorCode::invalid, argument, word, allowed));
}

void check_keys(const EnqueueValues& v, store::NewJob* job) {
    job->unique_key = optional_name(v[kUniqueKey], "unique_key").value_or("");
    if (const auto window = optional_duration(v[kUniqueFor], "unique_for", kUniqueFors))
        job->unique_for_us = window->us;
    if (job->unique_for_us && job->unique_key.empty())
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "unique_for needs a unique_key");
    constexpr std::pair<std::string_view, store::OnConflict> kOnConflicts[] = {
        {"skip", store::OnConflict::skip},
        {"replace", store::OnConflict::replace},
        {"preserve_run_at", store::OnConflict::preserve_run_at},
        {"raise", store::OnConflict::raise}};
    job->on_conflict =
        choice_of(v[kOnConflict], "on_conflict", kOnConflicts, "skip, replace, preserve_run_at or raise");
    job->concurrency_key = optional_name(v[kConcurrencyKey], "concurrency_key").value_or("");
    job->sequence_key = optional_name(v[kSequenceKey], "sequence_key").value_or("");
    constexpr std::pair<std::string_view, bool> kPolicies[] = {{"cancel", false}, {"run", true}};
    job->run_anyway = choice_of(v[kOnDependency], "on_dependency", kPolicies, "cancel or run");
    if (v[kDependsOn]) {
        const pg::Elements ids = required_elements(v[kDependsOn], "depends_on", pg::kInt8);
        accept(core::check_qty("number of depends_on", ids.count, 0, kMaxDependencies));
        for (int i = 0; i < ids.count; i++)
            required_id(ids.nulls[i] ? OptionalDatum{} : OptionalDatum{ids.values[i]}, "depends_on");
        if (ids.count > 0) job->depends_on = v[kDependsOn];
    }
    if (v[kBatchId]) job->batch_id = required_id(v[kBatchId], "batch_id");
}

// Of a job that names none. Who may feed no other queue means that of the handler.
std::string_view queue_for(const store::Handler& handler) {
    const std::string_view home = handler.home_queue();
    return store::may(store::Bundle::producer, home) ? home : handler.queue_name();
}

[[noreturn]] void refuse_workflow_kind(std::string_view kind) {
    throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "kind \"%.*s\" runs the inputs of workflows",
                      static_cast<int>(kind.size()), kind.data())
        .hint("Use foreman.execute() or foreman.signal_workflow().");
}

[[noreturn]] void refuse_projection_kind(std::string_view kind) {
    throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "kind \"%.*s\" gives events to a projection",
                      static_cast<int>(kind.size()), kind.data())
        .hint("Events do so by themselves; foreman.resume_projection() lets one that fails try again.");
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
    job.queue = queue ? *queue : queue_for(store::find_handler(job.kind));
    const store::Handler& handler = store::find_handler(job.kind, job.queue);
    if (handler.shape == store::Shape::workflow) refuse_workflow_kind(job.kind);
    if (store::is_projection(handler.shape)) refuse_projection_kind(job.kind);
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
    job.unvouched = !handler.exists && !store::vouches(GetUserId(), job.kind, job.queue);
    check_keys(v, &job);
    return job;
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

void check_args(OptionalDatum args, int ordinal) {
    if (!args && ordinal > 0)
        throw pg::Failure(ERRCODE_NULL_VALUE_NOT_ALLOWED, "element %d of args must not be NULL", ordinal)
            .hint("Allowed: a jsonb value; '{}' says that there are none.");
    if (!args)
        throw pg::Failure(ERRCODE_NULL_VALUE_NOT_ALLOWED, "args must not be NULL")
            .hint("Allowed: a jsonb value; '{}' says that there are none.");
    check_size(*args, "args");
}

}  // namespace foreman::request
