# Part of test/bench/run: what people cost who look at the console while many jobs wait and much is in history: 20 viewers
# for 30 seconds, each page by itself, and the memory of the program.
# shellcheck shell=bash

bench_console() {
    local live=$(form 100000 1000000) history=$(form 1000000 10000000) today node name
    section "Console: 20 viewers, $live live jobs in 20 queues, $history in history"
    node=$(command -v node || command -v nodejs) || {
        note "left out" "it needs node"
        return 0
    }
    "$root/test/lib/setup" console
    make -s -C "$root/console" -j"$(nproc)"
    clean_up
    today=$(sql -c "SELECT date_trunc('day', now())")
    # Each call of enqueue_array() depends on n, or one would do for all of them. What waits is of a kind that nobody runs here; a thousand dead letters, a thousand timers and a batch are among it.
    sql -c "INSERT INTO foreman.job_history (job_id, finished_at, run_at, enqueued_at, started_at, priority, attempt, max_attempts, outcome, queue, kind, args)
            SELECT n, t.at, t.at, t.at, t.at, 0, 1, 5, 'c', 'queue ' || 1 + n % 20, 'noop', bench.payload()
              FROM generate_series(1, $history) n, LATERAL (SELECT '$today'::timestamptz + n / $history::float8 * (now() - '$today'::timestamptz)) t(at)" \
        -c "SELECT setval('foreman.job_id_seq', $history + 1000000)" >/dev/null
    sql -c "SELECT count(*) FROM bench.args a, generate_series(1, 20) q, generate_series(1, $((live / 20000))) n,
            LATERAL foreman.enqueue_array('outside', a.args, queue => 'queue ' || (q + 0 * n)) WHERE a.size = 1000" \
        -c "SELECT count(foreman.set_timer('outside', 'k' || n, now() + interval '1 day')) FROM generate_series(1, 1000) n" \
        -c "SELECT foreman.create_batch('b')" \
        -c "SELECT count(*) FROM bench.args a, LATERAL foreman.enqueue_array('dead', a.args, queue => 'dead') WHERE a.size = 1000" \
        -c "SELECT count(foreman.fail(c.job_id, c.token, 'error ' || c.job_id % 7, discard => true)) FROM foreman.claim('{dead}', 'w', 1000) c" \
        -c "INSERT INTO foreman.minute_stat (minute, queue, enqueued, completed, failed, discarded, cancelled, wait_p50, wait_p95, wait_p99, run_p50, run_p95, run_p99)
            SELECT m, 'queue ' || q, 5, 5, 0, 0, 0, 1, 2, 3, 1, 2, 3 FROM generate_series(date_trunc('minute', now()) - interval '7 days', now() - interval '1 min', '1 min') m, generate_series(1, 20) q" \
        -c "INSERT INTO foreman.hour_stat (hour, queue, enqueued, completed, failed, discarded, cancelled, wait_p50, wait_p95, wait_p99, run_p50, run_p95, run_p99)
            SELECT hour, queue, enqueued, completed, failed, discarded, cancelled, wait_p50_ms, wait_p95_ms, wait_p99_ms, run_p50_ms, run_p95_ms, run_p99_ms FROM foreman.stats_hour WHERE hour < now() - interval '1 hour'" \
        -c "VACUUM (FREEZE, ANALYZE) foreman.job_history" -c "VACUUM ANALYZE foreman.live_job" -c "ANALYZE" \
        -c "CREATE ROLE viewer LOGIN PASSWORD 'viewer-pw'" -c "SELECT foreman.grant_role('operator', 'viewer')" -c "SELECT foreman.start()" -c "CHECKPOINT" >/dev/null
    sed -i '1i local all viewer scram-sha-256' "$PGDATA/pg_hba.conf"
    sql -c "SELECT pg_reload_conf()" >/dev/null
    await_quiet
    FOREMAN_ROOT=$root "$node" "$root/test/bench/console.mjs" "$out" "$(head -n 1 "$PGDATA/postmaster.pid")"
    while read -r name; do figure "page $name, p95 of a question" ms "< 20" <"$out/console-page-$name"; done <"$out/console-pages"
    figure "20 viewers of 4 pages: cores of the server" cores "< 0.02" <"$out/console-server"
    figure "the same: cores of the program" cores <"$out/console-program"
    figure "memory of the program" MB "< 30" <"$out/console-memory"
    sql -c "TRUNCATE foreman.live_job, foreman.job_history, foreman.dead_letter, foreman.minute_stat, foreman.hour_stat" -c "DROP OWNED BY viewer" -c "DROP ROLE viewer" >/dev/null
    "$root/test/lib/server" restart $server
}
