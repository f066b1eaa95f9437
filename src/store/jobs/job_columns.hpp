// The columns of live_job that make a store::Job, in the order that copy_job() reads them. Every statement
// that returns jobs names them through this.
#pragma once

#define PLAIN_COLUMNS                                                                                      \
    "job_id, run_at, enqueued_at, priority, attempt, max_attempts, alone, queue, kind, args, timeout_us, " \
    "expires_at, tags, metadata, errors, crashes, batch_id, interruptions, "                               \
    "origin, origin_id"
#define JOB_COLUMNS PLAIN_COLUMNS ", unique_key, unique_as, concurrency_key, sequence_key"
// Of the rows of live_job, and of dead letters, those that are timers' (store/jobs/timers.hpp).
#define IS_TIMER "unique_as OPERATOR(pg_catalog.=) ANY ('{t,s}'::pg_catalog.\"char\"[])"

namespace foreman::store {
constexpr int kPlainColumns = 20;
constexpr int kJobColumns = 24;
}  // namespace foreman::store
