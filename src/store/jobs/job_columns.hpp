// The columns of a job, in one list. From it follow what the statements on live_job, job_history and
// dead_letter name, the types of their parameters, and where each column is in a row or among parameters. A
// new column is an entry here, one in the tables of sql/parts/20_jobs.sql, a field of store::Job, and where it
// is read (claim.cpp) and written (job_values.hpp, and history_row() in finish.cpp).
#pragma once

#include <array>

#include "pg/prelude.hpp"

// clang-format off
// Each entry: name, type, its OID. job_id is before all of them.

// What a job keeps wherever it goes.
#define LASTING_COLUMNS(X)                            \
    X(enqueued_at, "timestamptz", TIMESTAMPTZOID)     \
    X(priority, "int2", INT2OID)                      \
    X(max_attempts, "int2", INT2OID)                  \
    X(queue, "text", TEXTOID)                         \
    X(kind, "text", TEXTOID)                          \
    X(args, "jsonb", JSONBOID)                        \
    X(tags, "text[]", TEXTARRAYOID)                   \
    X(metadata, "jsonb", JSONBOID)                    \
    X(batch_id, "int8", INT8OID)                      \
    X(origin, "\"char\"", CHAROID)                    \
    X(origin_id, "int8", INT8OID)
#define LASTING_KEY_COLUMNS(X)                        \
    X(unique_key, "text", TEXTOID)                    \
    X(concurrency_key, "text", TEXTOID)               \
    X(sequence_key, "text", TEXTOID)
// What all three tables have.
#define MADE_COLUMNS(X)                               \
    X(run_at, "timestamptz", TIMESTAMPTZOID)          \
    LASTING_COLUMNS(X)
#define TRIED_COLUMNS(X)                              \
    X(attempt, "int2", INT2OID)                       \
    X(errors, "jsonb", JSONBOID)
#define KEY_COLUMNS(X)                                \
    LASTING_KEY_COLUMNS(X)                            \
    X(unique_as, "\"char\"", CHAROID)
#define COMMON_COLUMNS(X) MADE_COLUMNS(X) TRIED_COLUMNS(X) KEY_COLUMNS(X)
// Of live_job. Those of a new job without keys come first, and its keys last.
#define NEW_COLUMNS(X)                                \
    MADE_COLUMNS(X)                                   \
    X(alone, "int2", INT2OID)                         \
    X(timeout_us, "int8", INT8OID)                    \
    X(expires_at, "timestamptz", TIMESTAMPTZOID)
#define KEYLESS_COLUMNS(X)                            \
    NEW_COLUMNS(X)                                    \
    TRIED_COLUMNS(X)                                  \
    X(crashes, "int2", INT2OID)                       \
    X(interruptions, "int2", INT2OID)
#define LIVE_COLUMNS(X) KEYLESS_COLUMNS(X) KEY_COLUMNS(X)
// Of job_history; worker_pid is that of the process that writes it.
#define HISTORY_COLUMNS(X)                            \
    COMMON_COLUMNS(X)                                 \
    X(finished_at, "timestamptz", TIMESTAMPTZOID)     \
    X(started_at, "timestamptz", TIMESTAMPTZOID)      \
    X(outcome, "\"char\"", CHAROID)                   \
    X(result, "jsonb", JSONBOID)                      \
    X(reason, "text", TEXTOID)
// Of dead_letter.
#define DEAD_COLUMNS(X)                               \
    COMMON_COLUMNS(X)                                 \
    X(discarded_at, "timestamptz", TIMESTAMPTZOID)    \
    X(started_at, "timestamptz", TIMESTAMPTZOID)      \
    X(timeout_us, "int8", INT8OID)                    \
    X(reason, "text", TEXTOID)                        \
    X(worker_pid, "int4", INT4OID)

// ", name" for each; ", u.name"; ", name type"
#define AND_NAME(name, type, oid) ", " #name
#define AND_NAME_OF_U(name, type, oid) ", u." #name
#define AND_DEFINITION(name, type, oid) ", " #name " pg_catalog." type
#define AND_OID(name, type, oid) , oid
#define AND_POSITION(name, type, oid) , name
#define AND_TEXT(name, type, oid) , #name
// clang-format on

/// What statements return that read jobs: for copy_job(), and without keys.
#define PLAIN_COLUMNS "job_id" KEYLESS_COLUMNS(AND_NAME)
#define JOB_COLUMNS "job_id" LIVE_COLUMNS(AND_NAME)
// Of the rows of live_job, and of dead letters, those that are timers' (store/jobs/timers.hpp).
#define IS_TIMER "unique_as OPERATOR(pg_catalog.=) ANY ('{t,s}'::pg_catalog.\"char\"[])"

namespace foreman::store {

// Where a column is in a row that starts with JOB_COLUMNS, and which parameter of an INSERT it is; from 1.
struct LiveColumn {
    enum : int { job_id = 1 LIVE_COLUMNS(AND_POSITION), next };
};
struct HistoryColumn {
    enum : int { job_id = 1 HISTORY_COLUMNS(AND_POSITION), next };
};
struct DeadColumn {
    enum : int { job_id = 1 DEAD_COLUMNS(AND_POSITION), next };
};
constexpr int kJobColumns = LiveColumn::next - 1;
constexpr int kNewColumns = LiveColumn::attempt - 1;
constexpr int kHistoryColumns = HistoryColumn::next - 1;
constexpr int kDeadColumns = DeadColumn::next - 1;

inline constexpr std::array<Oid, kJobColumns> kLiveTypes{INT8OID LIVE_COLUMNS(AND_OID)};
inline constexpr std::array<Oid, kHistoryColumns> kHistoryTypes{INT8OID HISTORY_COLUMNS(AND_OID)};
inline constexpr std::array<Oid, kDeadColumns> kDeadTypes{INT8OID DEAD_COLUMNS(AND_OID)};

}  // namespace foreman::store
