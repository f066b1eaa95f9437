# Part of test/bench/run --large: a day of history that is past its retention leaves as a partition while jobs are worked
# off. BENCH_PRUNE_ROWS rows of history (10,000,000); the drain alone and the drain with the pruning in it alternate.
# shellcheck shell=bash

prune_rows=${BENCH_PRUNE_ROWS:-10000000}

# A day sixty days ago, full of completed jobs. The partition is made by the engine itself, on the virtual clock.
fill_old_day() {
    sql -c "SET foreman.fake_now = '$old_day'; SELECT foreman.prune_once()" >/dev/null
    sql -c "INSERT INTO foreman.job_history (job_id, finished_at, run_at, enqueued_at, started_at, priority, attempt, max_attempts, outcome, queue, kind, args)
            SELECT -n, '$old_day', '$old_day', '$old_day', '$old_day', 0, 1, 5, 'c', 'default', 'noop', bench.payload() FROM generate_series(1, $prune_rows) n" \
        -c "VACUUM (FREEZE, ANALYZE) foreman.job_history" -c "CHECKPOINT"
}

# drain_beside yes|no: jobs per second; with yes, half a second in, prune_once() is called and timed.
drain_beside() {
    local jobs=$((100000 * size_factor)) t0 t1
    clean_up
    [ "$1" = no ] || fill_old_day
    sql -c "CALL bench.load('noop', $jobs, 10000)" -c "CHECKPOINT"
    await_quiet
    t0=$(sql -c "SELECT clock_timestamp()")
    sql -c "SELECT foreman.start()" >/dev/null
    if [ "$1" = yes ]; then
        sleep 0.5
        t1=$EPOCHREALTIME
        sql -c "SELECT what, rows FROM foreman.prune_once()" >"$out/pruned"
        awk -v a="$t1" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }' >>"$out/prune_seconds"
        grep -q "^partitions|" "$out/pruned" || die "nothing was pruned: $(cat "$out/pruned")"
    fi
    sql -c "CALL bench.wait_drained(300)"
    sql -c "SELECT count(*) / extract(epoch FROM max(finished_at) - '$t0') FROM foreman.job_history WHERE finished_at > '$t0'"
}

bench_prune() {
    local i
    old_day=$(sql -c "SELECT date_trunc('day', now() - interval '60 days') + interval '12 hours'")
    section "Pruning: a day of $prune_rows completed jobs is dropped while $((100000 * size_factor)) jobs are worked off"
    : >"$out/prune_seconds"
    : >"$out/alone"
    : >"$out/beside"
    for ((i = 0; i < runs; i++)); do
        drain_beside no >>"$out/alone"
        drain_beside yes >>"$out/beside"
    done
    figure "prune_once()" s "< 1" <"$out/prune_seconds"
    note "    what it removed in the last run" "$(tr '\n|' ', ' <"$out/pruned")"
    figure "drain alone" "jobs/s" <"$out/alone"
    figure "drain while it is pruned" "jobs/s" <"$out/beside"
    compare "with pruning / alone" "$(cat "$out/beside")" "$(cat "$out/alone")" ">= 0.90"
}
