# Part of test/bench/run: whether the drain slows down when much waits (https://github.com/timgit/pg-boss/issues/228), or
# when somebody holds an old snapshot.
# One transaction enqueues everything while the executors are alive and idle; its commit starts them. Timed from the
# first started_at to the last finished_at.
# shellcheck shell=bash

release_once() {
    local jobs=$1 chunk=$2
    sql -c "TRUNCATE foreman.job_history" -c "CHECKPOINT"
    await_quiet
    sql -c "CALL bench.load('noop', $jobs, $chunk)"
    sql -c "CALL bench.wait_drained(1800)"
    sql -c "SELECT count(*) / extract(epoch FROM max(finished_at) - min(started_at)) FROM foreman.job_history"
}

warm_up() {
    clean_up
    sql -c "SELECT foreman.start()" >/dev/null
    release_once 10000 10000 >/dev/null
}

hold_snapshot() {
    sql -c "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class; SELECT pg_sleep(3600); COMMIT" >/dev/null 2>&1 &
    holder=$!
    until [ "$(sql -c "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND backend_xmin IS NOT NULL")" = 1 ]; do
        sleep 0.05
    done
}

release_snapshot() {
    sql -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND backend_xmin IS NOT NULL" >/dev/null
    wait "$holder" || true
}

bench_backlog() {
    local i big=$(form 1000000 10000000) held=$((200000 * size_factor))
    section "Backlog and old snapshots: lane transaction, no-op, 2 executors"
    warm_up
    : >"$out/free"
    : >"$out/held"
    for ((i = 0; i < runs; i++)); do
        release_once $held 100000 >>"$out/free"
        hold_snapshot
        release_once $held 100000 >>"$out/held"
        release_snapshot
        sql -c "VACUUM foreman.live_job"
    done
    figure "drain of $held" "jobs/s" <"$out/free"
    figure "the same under a repeatable-read snapshot held open" "jobs/s" <"$out/held"
    compare "held / free" "$(cat "$out/held")" "$(cat "$out/free")" ">= 0.95"
    : >"$out/small"
    : >"$out/big"
    for ((i = 0; i < runs; i++)); do
        release_once 10000 10000 >>"$out/small"
        release_once 10000 10000 >>"$out/small"
        release_once $big 100000 >>"$out/big"
        sql -c "VACUUM foreman.live_job"
    done
    figure "drain of a backlog of 10000" "jobs/s" <"$out/small"
    figure "drain of a backlog of $big" "jobs/s" <"$out/big"
    compare "big / small" "$(cat "$out/big")" "$(cat "$out/small")" ">= 0.90"
    report_memory
}
