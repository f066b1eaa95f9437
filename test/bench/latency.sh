# Part of test/bench/run: from enqueue to the handler's first line, on a server that does nothing else.
# Measured from the clock inside enqueue(), so the end of its statement, its commit and the flush of that commit are
# in it: an upper bound of the time from commit to start.
# shellcheck shell=bash

bench_latency() {
    local i p seconds=$((10 * size_factor))
    section "Latency: 20 jobs/s (at random intervals) for $seconds s, 1 client, idle server"
    clean_up
    sql -c "SELECT foreman.start()" -c "SELECT foreman.enqueue('stamp', '{\"run\": 0}')" >/dev/null
    sleep 1
    for p in 50 99 100; do : >"$out/p$p"; done
    : >"$out/sent"
    for ((i = 1; i <= runs; i++)); do
        await_quiet
        pgbench_tps -c 1 -R 20 -T $seconds -f <(printf '%s\n' "SELECT foreman.enqueue('stamp', '{\"run\": $i}');") >"$out/tps"
        sql -c "CALL bench.wait_drained(10)"
        for p in 50 99 100; do
            sql -c "SELECT 1000 * percentile_cont($p / 100.0) WITHIN GROUP (ORDER BY seconds) FROM bench.latency WHERE run = $i" >>"$out/p$p"
        done
        sed -n 's/^latency average = \([0-9.]*\) ms.*/\1/p' "$out/pgbench.out" >>"$out/sent"
    done
    figure "enqueue() to handler start, p50" ms "< 1" <"$out/p50"
    figure "enqueue() to handler start, p99" ms "< 5" <"$out/p99"
    figure "enqueue() to handler start, slowest" ms <"$out/p100"
    note "    jobs measured" "$(sql -c "SELECT count(*) FROM bench.latency WHERE run > 0")"
    sql -c "TRUNCATE bench.latency"
}
