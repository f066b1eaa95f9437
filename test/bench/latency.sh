# Part of test/bench/run: from enqueue to the handler's first line, on a server that does nothing else, and at half of its drain rate.
# Measured from the clock inside enqueue(), so the end of its statement, its commit and the flush of that commit are
# in it: an upper bound of the time from commit to start.
# shellcheck shell=bash

# At half of the rate at which they are worked off: an array each 10 ms, from the clock inside enqueue_array() to each start.
loaded_latency() {
    local seconds=$((6 * size_factor)) i p rate array complete workers
    for p in 50 99; do : >"$out/p$p"; done
    : >"$out/rates"
    for ((i = 0; i < runs; i++)); do
        read -r _ rate complete workers < <(drain_once noop 100000)
        array=$(awk -v r="$rate" 'BEGIN { printf "%d", r / 200 }')
        printf '%s\n' "$((array * 100))" >>"$out/rates"
        sql -c "CALL bench.load('noop', 10000, 10000)" -c "CALL bench.wait_drained(10)" -c "TRUNCATE foreman.job_history"
        await_quiet
        sql -c "DO \$\$
            DECLARE began timestamptz := clock_timestamp(); jobs jsonb[] := array_fill(bench.payload(), ARRAY[$array]);
            BEGIN
                FOR i IN 1 .. $seconds * 100 LOOP
                    PERFORM count(*) FROM foreman.enqueue_array('noop', jobs);
                    COMMIT;
                    PERFORM pg_sleep(greatest(0, extract(epoch FROM began - clock_timestamp()) + i * 0.01));
                    COMMIT;
                END LOOP;
            END \$\$" -c "CALL bench.wait_drained(60)"
        for p in 50 99; do
            sql -c "SELECT 1000 * percentile_cont($p / 100.0) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - enqueued_at)) FROM foreman.job_history" >>"$out/p$p"
        done
    done
    figure "half of the drain rate, an array each 10 ms" "jobs/s" <"$out/rates"
    figure "    enqueue_array() to handler start, p50" ms <"$out/p50"
    figure "    enqueue_array() to handler start, p99" ms "< 10" <"$out/p99"
}

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
    loaded_latency
}
