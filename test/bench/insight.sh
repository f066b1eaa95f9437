# Part of test/bench/run: what looking costs while a million jobs wait: the views that an exporter or an operator reads.
# shellcheck shell=bash

# view_ms VIEW: milliseconds of one look, client and planning included.
view_ms() {
    local i
    for ((i = 0; i < runs; i++)); do
        pgbench_tps -c 1 -t 200 -f <(printf 'SELECT * FROM foreman.%s;\n' "$1") | awk '{ print 1000 / $1 }'
    done
}

bench_insight() {
    local jobs=$((1000000 * size_factor))
    section "Insight: $jobs jobs wait in 20 queues"
    clean_up
    # Of a kind that nobody runs here.
    sql -c "SELECT count(*) FROM bench.args a, generate_series(1, 20) q, generate_series(1, $((jobs / 200000))) n,
            LATERAL foreman.enqueue_array('outside', a.args, queue => 'queue ' || q) WHERE a.size = 10000" >/dev/null
    for view in queues metrics stats_minute; do
        view_ms $view >"$out/view"
        figure "SELECT * FROM foreman.$view" ms "< 5" <"$out/view"
    done
    sql -c "TRUNCATE foreman.live_job"
    "$root/test/lib/server" restart $server
}
