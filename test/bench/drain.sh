# Part of test/bench/run: how fast jobs that are already there are worked off. The engine is stopped while
# they are enqueued; the time runs from start() to the last finished_at, so it has the start of the workers in it.
# shellcheck shell=bash

# drain_once KIND JOBS: jobs per second.
drain_once() {
    local kind=$1 jobs=$2 t0
    clean_up
    sql -c "CALL bench.load('$kind', $jobs, 10000)" -c "CHECKPOINT"
    await_quiet
    t0=$(sql -c "SELECT clock_timestamp()")
    sql -c "SELECT foreman.start()" >/dev/null
    sql -c "CALL bench.wait_drained(300)"
    # finished_at is before the commit of its group, by 20 ms at most.
    sql -c "SELECT count(*) / extract(epoch FROM max(finished_at) - '$t0'),
                   count(*) / extract(epoch FROM max(finished_at) - min(started_at)), count(*) = $jobs, count(DISTINCT worker_pid)
              FROM foreman.job_history WHERE outcome = 'c'" | tr '|' ' '
}

drain_figure() {
    local what=$1 kind=$2 jobs=$3 target=${4:-} i rate pure complete workers
    : >"$out/rates"
    : >"$out/pure"
    for ((i = 0; i < runs; i++)); do
        read -r rate pure complete workers < <(drain_once "$kind" "$jobs")
        [ "$complete" = t ] || die "not every job of kind $kind is in the history"
        [ "$workers" = "$(sql -c "SHOW foreman.max_executors")" ] || note "  run $((i + 1))" "worked off by $workers executor(s)"
        printf '%s\n' "$rate" >>"$out/rates"
        printf '%s\n' "$pure" >>"$out/pure"
    done
    figure "$what" "jobs/s" "$target" <"$out/rates"
    figure "    from the first handler's start" "jobs/s" <"$out/pure"
}

executors() { sql -c "ALTER SYSTEM SET foreman.max_executors = $1" -c "SELECT pg_reload_conf()" >/dev/null; }

commit_rates() {
    local i t0
    for ((i = 0; i < runs; i++)); do
        sql -c "TRUNCATE bench.one_row" -c "CHECKPOINT"
        await_quiet
        t0=$EPOCHREALTIME
        sql -c "CALL bench.commit_rows(10000)" &
        sql -c "CALL bench.commit_rows(10000)"
        wait $!
        awk -v a="$t0" -v b="$EPOCHREALTIME" 'BEGIN { print 20000 / (b - a) }'
    done
}

bench_drain() {
    local n=$((100000 * size_factor)) single
    section "Drain: $n preloaded jobs (one in ten of that with max_group 1), 2 executors"
    drain_figure "lane transaction, no-op PL/pgSQL handler" noop $n ">= 60000"
    executors 1
    drain_figure "the same with 1 executor" noop $n
    executors 2
    drain_figure "lane transaction, handler inserts a row" insert_row $n
    drain_figure "lane batch, no-op PL/pgSQL handler" noop_batch $n
    drain_figure "max_group 1: each job in a transaction of its own" noop_single $((n / 10))
    single=$(cat "$out/rates")
    commit_rates >"$out/commits"
    figure "for comparison: COMMIT of one row each, 2 server processes" "tx/s" <"$out/commits"
    compare "max_group 1 / those commits" "$single" "$(cat "$out/commits")"
}
