# Part of test/bench/run: a session enqueues a job and waits for its end, a thousand times over one connection. The safety poll
# comes once an hour, so that an end which nobody tells of would take as long.
# shellcheck shell=bash

bench_await() {
    local i pairs=$((1000 * size_factor))
    section "Await: $pairs times enqueue() and CALL await() over one connection, no-op handler, idle server"
    clean_up
    sql -c "ALTER SYSTEM SET foreman.poll_interval = '1h'" -c "SELECT pg_reload_conf()" >/dev/null
    sql -c "SELECT foreman.start()" -c "SELECT foreman.enqueue('noop')" >/dev/null
    sleep 1
    for p in 50 99 100; do : >"$out/p$p"; done
    for ((i = 1; i <= runs; i++)); do
        await_quiet
        "$(pg_dir bindir)/pgbench" -n -c 1 -t "$pairs" -l --log-prefix="$out/await" bench 2>"$out/pgbench.err" >"$out/pgbench.out" \
            -f <(printf '%s\n' "SELECT foreman.enqueue('noop') AS job \\gset" "CALL foreman.await(:job, '1 min', NULL, NULL);") ||
            die "pgbench failed: $(tail -n 1 "$out/pgbench.err")"
        cat "$out"/await.* | awk '{ print $3 / 1000 }' | sort -g >"$out/pairs"
        rm "$out"/await.*
        for p in 50 99 100; do awk -v p="$p" '{ v[NR] = $1 } END { print v[int((NR - 1) * p / 100) + 1] }' "$out/pairs" >>"$out/p$p"; done
    done
    figure "enqueue() and await(), p50" ms <"$out/p50"
    figure "enqueue() and await(), p99" ms <"$out/p99"
    figure "enqueue() and await(), slowest" ms "< 100" <"$out/p100"
    sql -c "ALTER SYSTEM RESET foreman.poll_interval" -c "SELECT pg_reload_conf()" >/dev/null
}
