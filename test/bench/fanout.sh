# Part of test/bench/run: publishes to subscriptions.
# shellcheck shell=bash

fanout_clean() {
    sql -c "SELECT foreman.stop()" -c "CALL bench.wait_workers(0)" -c "SELECT foreman.purge_queue('default')" -c "TRUNCATE foreman.publish" -c "VACUUM foreman.live_job" -c "CHECKPOINT" >/dev/null
}

# Microseconds of a call, of many in one transaction: without the commit, which takes longer and depends on the disk.
call_us() {
    local n=$((10000 * size_factor))
    sql -c "\\timing on" -c "SELECT count($1) FROM generate_series(1, $n)" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | awk -v n="$n" '{ print 1000 * $1 / n }'
}

bench_fanout() {
    section "Publish and subscribe, one client"
    local i t0 deliveries=$((20000 * size_factor))
    clean_up
    sql -c "SELECT count(foreman.subscribe('hundred.*', 'noop', 'hundred ' || i)) FROM generate_series(1, 100) i" \
        -c "SELECT foreman.subscribe('single', 'noop', 'single')" >/dev/null
    : >"$out/hundred" && : >"$out/few" && : >"$out/many" && : >"$out/enqueued" && : >"$out/delivered"
    for ((i = 0; i < runs; i++)); do
        fanout_clean
        pgbench_tps -c 1 -t $((300 * size_factor)) -f <(printf '%s\n' "SELECT foreman.publish('hundred.x', '{\"order\": 7, \"total\": 42}');") | awk '{ print 1000 / $1 }' >>"$out/hundred"
        fanout_clean
        call_us "foreman.publish('single', '{\"order\": 7}')" >>"$out/few"
        call_us "foreman.enqueue('noop', '{\"order\": 7}')" >>"$out/enqueued"
        fanout_clean
        sql -c "SELECT count(foreman.publish('hundred.x', '{\"order\": 7}')) FROM generate_series(1, $deliveries / 100)" -c "CHECKPOINT" >/dev/null
        await_quiet
        t0=$EPOCHREALTIME
        sql -c "SELECT foreman.start()" -c "CALL bench.wait_drained(120)" >/dev/null
        awk -v a="$t0" -v b="$EPOCHREALTIME" -v n="$deliveries" 'BEGIN { print n / (b - a) }' >>"$out/delivered"
    done
    fanout_clean
    sql -c "SELECT count(foreman.subscribe('many.' || i || '.*', 'noop', 'many ' || i)) FROM generate_series(1, 9899) i" >/dev/null
    for ((i = 0; i < runs; i++)); do
        fanout_clean
        call_us "foreman.publish('many.77.x', '{\"order\": 7}')" >>"$out/many"
    done
    figure "publish() to 100 subscriptions, with its commit" ms "< 5" <"$out/hundred"
    figure "publish() to 1 of 101 subscriptions" us <"$out/few"
    figure "publish() to 1 of 10000 subscriptions" us <"$out/many"
    compare "of 10000 / of 101" "$(cat "$out/many")" "$(cat "$out/few")" "1.1"
    figure "enqueue()" us <"$out/enqueued"
    figure "deliveries of 100 subscriptions" "/s" <"$out/delivered"
    sql -c "SELECT count(foreman.unsubscribe(name)) FROM foreman.subscriptions" >/dev/null
    clean_up
}
