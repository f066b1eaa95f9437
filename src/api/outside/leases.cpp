// What a worker outside says of a job that it holds: heartbeat, complete, fail, snooze_lease, throttle_lease,
// release, each with its _many sibling.
//
// The token proves the right to the attempt: a stale, foreign or repeated one answers `lost` and changes
// nothing. needs: bundle worker on the job's queue; a transaction that may write, but for heartbeats.
// complete() in the worker's own transaction commits the effect and the outcome together. errors: 42501;
// 25006; arguments as in request/arguments.hpp; 54000 for results and errors above 16 MB. cost: a heartbeat is a
// hash probe in shared memory; the others one DELETE by key and one INSERT a job.
#include "api/outside/lease_arguments.hpp"
#include "api/public_function.hpp"
#include "pg/call.hpp"
#include "pg/encoding.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/access.hpp"
#include "store/jobs/requests.hpp"
#include "store/jobs/settle.hpp"

namespace foreman::api {

namespace {

constexpr std::size_t kMaxResultBytes = 16 * 1024 * 1024;

std::string_view answer_of(core::Next next) {
    switch (next) {
        case core::Next::complete:
            return "completed";
        case core::Next::retry:
            return "retryable";
        case core::Next::release:
            return "released";
        case core::Next::discard:
            return "discarded";
        case core::Next::cancel:
        case core::Next::remove:
            return "cancelled";
    }
    return "lost";
}

void check_size(OptionalDatum value, const char* argument) {
    if (value && pg::datum_bytes(*value) > kMaxResultBytes) {
        throw pg::Failure(ERRCODE_PROGRAM_LIMIT_EXCEEDED, "%s has %zu bytes", argument,
                          pg::datum_bytes(*value))
            .hint("Allowed are 16 MB.");
    }
}

// Where in the arguments each lease stands; of one that is named twice, the first time.
using Places = pg::flat_map<std::pair<int64, decltype(pg::UuidBytes::bytes)>, std::size_t>;

Places places_of(std::span<const store::TokenPair> pairs, pg::ContextResource* memory) {
    Places places(memory);
    places.reserve(pairs.size());
    for (std::size_t i = 0; i < pairs.size(); i++)
        places.emplace(std::pair{pairs[i].job_id, pairs[i].token.bytes}, i);
    return places;
}

// Settles the jobs of the pairs; `report` says of each how its attempt ended, from its place in the arguments. Those
// that end are recorded together.
template <class ReportOf>
void settle_pairs(std::span<const store::TokenPair> pairs, pg::vector<std::string_view>* answers,
                  pg::ContextResource* memory, ReportOf report) {
    pg::vector<store::LeasedJob> jobs(memory);
    store::take_leases(pairs, memory->context(), &jobs);
    answers->assign(pairs.size(), "lost");
    const Places places = places_of(pairs, memory);
    store::Settlement settlement(memory->context());
    settlement.reserve(jobs.size());
    std::string_view allowed;
    for (const store::LeasedJob& l : jobs) {
        if (l.job.queue != allowed) store::require(store::Bundle::worker, l.job.queue);
        allowed = l.job.queue;
        const std::size_t i = places.at({l.job.job_id, l.token.bytes});
        store::Attempt attempt = report(i, l.job);
        attempt.started_at = l.job.claimed_at;
        (*answers)[i] = answer_of(settlement.settle(l.job, attempt));
    }
    settlement.finish();
}

template <class ReportOf>
Datum settle_one(FunctionCallInfo fcinfo, const char* function, ReportOf report) {
    store::require_writable(function);
    pg::Context context("foreman lease", CurrentMemoryContext);
    pg::ContextResource memory(context);
    const store::TokenPair pair = required_pair(fcinfo);
    pg::vector<std::string_view> answers(&memory);
    settle_pairs({&pair, 1}, &answers, &memory, report);
    return pg::text_datum(answers[0]);
}

Datum put_answers(FunctionCallInfo fcinfo, std::span<const store::TokenPair> pairs,
                  std::span<const std::string_view> answers) {
    pg::ResultSet rows(fcinfo);
    for (std::size_t i = 0; i < pairs.size(); i++)
        rows.put(
            std::array<std::optional<Datum>, 2>{Int64GetDatum(pairs[i].job_id), pg::text_datum(answers[i])});
    return rows.done();
}

template <class ReportOf>
Datum settle_many(FunctionCallInfo fcinfo, const char* function, ReportOf report) {
    store::require_writable(function);
    pg::Context context("foreman leases", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<store::TokenPair> pairs(&memory);
    required_pairs(fcinfo, &pairs);
    pg::vector<std::string_view> answers(&memory);
    settle_pairs({pairs.data(), pairs.size()}, &answers, &memory, report);
    return put_answers(fcinfo, {pairs.data(), pairs.size()}, {answers.data(), answers.size()});
}

store::Attempt failure(std::string_view error, OptionalDatum detail, std::optional<core::Micros> retry_in,
                       bool discard, const store::Job& job) {
    store::Attempt a;
    a.outcome = discard ? core::Outcome::discarded : core::Outcome::failed;
    a.retry_in = retry_in;
    const std::string_view shown = pg::cut(error, store::kMaxErrorText);
    const char* text = pg::copy_text(shown);
    a.error = store::AttemptError{store::now(), job.attempt + 1, "", text, "", "", ""};
    a.error->detail_value = detail;
    if (discard) a.reason = {text, shown.size()};
    return a;
}

store::Attempt ended(core::Outcome outcome, core::Micros run_in = {}) {
    store::Attempt a;
    a.outcome = outcome;
    a.run_in = run_in;
    return a;
}

void complete_pairs(std::span<const store::TokenPair> pairs, const pg::Elements* results,
                    pg::vector<std::string_view>* answers, pg::ContextResource* memory) {
    settle_pairs(pairs, answers, memory, [results](std::size_t i, const store::Job&) {
        store::Attempt a = ended(core::Outcome::completed);
        if (results != nullptr && !results->nulls[i]) a.result = results->values[i];
        return a;
    });
}

std::string_view beat(const store::TokenPair& pair, core::Instant now, core::Micros extend,
                      const double* progress, std::optional<std::string_view> note) {
    switch (board::beat_lease(MyDatabaseId, pair.job_id, pair.token, now, extend, progress, note)) {
        case board::Beat::active:
            return "active";
        case board::Beat::cancel_requested:
            return "cancel_requested";
        case board::Beat::lost:
            return "lost";
        case board::Beat::unknown:
            break;
    }
    const std::optional<store::LeaseRow> row = store::read_lease_row(pair.job_id);
    if (!row || row->token.bytes != pair.token.bytes) return "lost";
    const core::Instant until = now + (extend.us > 0 ? extend : row->length);
    if (!store::place_lease(pair.job_id, *row, until) && !XactReadOnly)
        store::renew_lease_row(pair, until, row->length);
    return store::has_stop_request(pair.job_id) ? "cancel_requested" : "active";
}

core::Micros extend_argument(OptionalDatum value) {
    return optional_duration(value, "extend", kLeases).value_or(core::Micros{0});
}

}  // namespace

FOREMAN_PUBLIC(heartbeat) {
    store::require_writable("foreman.heartbeat()");
    const store::TokenPair pair = required_pair(fcinfo);
    const core::Micros extend = extend_argument(pg::optional_argument(fcinfo, 2));
    std::optional<std::string_view> note;
    double fraction = 0;
    const bool has_progress = pg::has_argument(fcinfo, 3);
    if (has_progress) {
        fraction = DatumGetFloat8(pg::argument(fcinfo, 3));
        if (!(fraction >= 0 && fraction <= 1))
            throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "progress %g is out of range", fraction)
                .hint("Allowed is 0 to 1.");
    }
    if (pg::has_argument(fcinfo, 4))
        note = pg::cut(pg::text_view(pg::argument(fcinfo, 4)), board::kLeaseNoteBytes);
    return pg::text_datum(beat(pair, store::now(), extend, has_progress ? &fraction : nullptr, note));
}

FOREMAN_PUBLIC(heartbeat_many) {
    store::require_writable("foreman.heartbeat_many()");
    pg::Context context("foreman heartbeats", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<store::TokenPair> pairs(&memory);
    required_pairs(fcinfo, &pairs);
    const core::Micros extend = extend_argument(pg::optional_argument(fcinfo, 2));
    pg::vector<std::string_view> answers(&memory);
    const core::Instant now = store::now();
    for (const store::TokenPair& pair : pairs)
        answers.push_back(beat(pair, now, extend, nullptr, std::nullopt));
    return put_answers(fcinfo, {pairs.data(), pairs.size()}, {answers.data(), answers.size()});
}

FOREMAN_PUBLIC(complete) {
    store::require_writable("foreman.complete()");
    pg::Context context("foreman complete", CurrentMemoryContext);
    pg::ContextResource memory(context);
    const store::TokenPair pair = required_pair(fcinfo);
    const OptionalDatum result = pg::optional_argument(fcinfo, 2);
    check_size(result, "result");
    const bool is_null = !result.has_value();
    const Datum value = result.value_or(Datum{0});
    const pg::Elements results{&value, &is_null, 1};
    pg::vector<std::string_view> answers(&memory);
    complete_pairs({&pair, 1}, &results, &answers, &memory);
    return pg::text_datum(answers[0]);
}

FOREMAN_PUBLIC(complete_many) {
    store::require_writable("foreman.complete_many()");
    pg::Context context("foreman complete", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<store::TokenPair> pairs(&memory);
    required_pairs(fcinfo, &pairs);
    pg::Elements results{};
    const bool has_results = pg::has_argument(fcinfo, 2);
    if (has_results) {
        results = pg::array_elements(pg::argument(fcinfo, 2), pg::kJsonb);
        if (static_cast<std::size_t>(results.count) != pairs.size())
            throw pg::Failure(ERRCODE_ARRAY_SUBSCRIPT_ERROR, "results has %d elements, job_ids has %zu",
                              results.count, pairs.size())
                .hint("Give one result for each job id, NULL for none.");
        for (int i = 0; i < results.count; i++) {
            if (!results.nulls[i]) check_size(results.values[i], "results");
        }
    }
    pg::vector<std::string_view> answers(&memory);
    complete_pairs({pairs.data(), pairs.size()}, has_results ? &results : nullptr, &answers, &memory);
    return put_answers(fcinfo, {pairs.data(), pairs.size()}, {answers.data(), answers.size()});
}

FOREMAN_PUBLIC(fail) {
    const std::string_view error = required_text(pg::optional_argument(fcinfo, 2), "error");
    check_size(pg::optional_argument(fcinfo, 2), "error");
    const auto retry_in = optional_duration(pg::optional_argument(fcinfo, 3), "retry_in", kDelays);
    const bool discard = pg::has_argument(fcinfo, 4) && DatumGetBool(pg::argument(fcinfo, 4));
    const OptionalDatum detail = pg::optional_argument(fcinfo, 5);
    check_size(detail, "detail");
    return settle_one(fcinfo, "foreman.fail()", [&](std::size_t, const store::Job& job) {
        return failure(error, detail, retry_in, discard, job);
    });
}

FOREMAN_PUBLIC(fail_many) {
    const pg::Elements errors =
        pg::array_elements(required(pg::optional_argument(fcinfo, 2), "errors"), pg::kText);
    const auto retry_in = optional_duration(pg::optional_argument(fcinfo, 3), "retry_in", kDelays);
    const bool discard = pg::has_argument(fcinfo, 4) && DatumGetBool(pg::argument(fcinfo, 4));
    const pg::Elements ids = required_ids(pg::optional_argument(fcinfo, 0));
    if (errors.count != ids.count)
        throw pg::Failure(ERRCODE_ARRAY_SUBSCRIPT_ERROR, "errors has %d elements, job_ids has %d",
                          errors.count, ids.count)
            .hint("Give one error for each job id.");
    return settle_many(fcinfo, "foreman.fail_many()", [&](std::size_t i, const store::Job& job) {
        return failure(errors.nulls[i] ? std::string_view{} : pg::text_view(errors.values[i]), std::nullopt,
                       retry_in, discard, job);
    });
}

FOREMAN_PUBLIC(snooze_lease) {
    const core::Micros run_in = required_duration(pg::optional_argument(fcinfo, 2), "run_in", kDelays);
    return settle_one(fcinfo, "foreman.snooze_lease()",
                      [&](std::size_t, const store::Job&) { return ended(core::Outcome::snoozed, run_in); });
}

FOREMAN_PUBLIC(snooze_lease_many) {
    const core::Micros run_in = required_duration(pg::optional_argument(fcinfo, 2), "run_in", kDelays);
    return settle_many(fcinfo, "foreman.snooze_lease_many()",
                       [&](std::size_t, const store::Job&) { return ended(core::Outcome::snoozed, run_in); });
}

FOREMAN_PUBLIC(throttle_lease) {
    return settle_one(fcinfo, "foreman.throttle_lease()",
                      [](std::size_t, const store::Job&) { return ended(core::Outcome::throttled); });
}

FOREMAN_PUBLIC(throttle_lease_many) {
    return settle_many(fcinfo, "foreman.throttle_lease_many()",
                       [](std::size_t, const store::Job&) { return ended(core::Outcome::throttled); });
}

FOREMAN_PUBLIC(release) {
    return settle_one(fcinfo, "foreman.release()",
                      [](std::size_t, const store::Job&) { return ended(core::Outcome::released); });
}

FOREMAN_PUBLIC(release_many) {
    return settle_many(fcinfo, "foreman.release_many()",
                       [](std::size_t, const store::Job&) { return ended(core::Outcome::released); });
}

}  // namespace foreman::api
