# Part of test/bench/run: what many pending timers cost while nothing is due, how long 10,000 take that are due at one time,
# and how late single ones start on an idle server.
# shellcheck shell=bash

set_timers() { sql -c "SELECT count(foreman.set_timer('timer', 'k' || i, $2)) FROM generate_series(1, $1) i" >/dev/null; }

# Looks at what has fired, which is little, and not at what is pending.
await_fired() {
    sql -c "DO \$\$ BEGIN
                WHILE (SELECT count(*) FROM foreman.job_history WHERE kind = 'timer' AND run_at >= '$2') < $1 LOOP COMMIT; PERFORM pg_sleep(0.5); END LOOP;
            END \$\$"
}

# CPU of the workers over so many seconds, in % of a core.
workers_use() {
    local pids before
    pids=$(workers_pids)
    before=$(run_nanos "$pids")
    sleep "$1"
    awk -v a="$before" -v b="$(run_nanos "$pids")" -v s="$1" 'BEGIN { print (b - a) / s / 1e7 }'
}

bench_timers() {
    local i p many=${BENCH_TIMERS:-$(form 1000000 5000000)}
    section "Timers: $many pending, 10,000 due at one time, single ones"
    clean_up
    sql -c "SELECT foreman.start()" -c "SELECT foreman.set_timer('timer', 'warm', now())" >/dev/null
    sql -c "CALL bench.wait_drained(10)"
    sleep 2
    for ((i = 1; i <= runs; i++)); do workers_use 10; done | figure "CPU of all workers, no timer" "% core"
    for ((i = 0; i < many; i += 10000)); do
        sql -c "SELECT count(foreman.set_timer('timer', 'far ' || i, '2100-01-01'::timestamptz + i * interval '1 s')) FROM generate_series($i + 1, $i + 10000) i" >/dev/null
    done
    sql -c "VACUUM ANALYZE foreman.live_job" -c "CHECKPOINT"
    sleep 6
    for ((i = 1; i <= runs; i++)); do workers_use 10; done | figure "CPU of all workers, $many pending" "% core" "< 0.1"

    : >"$out/due"
    for ((i = 1; i <= runs; i++)); do
        await_quiet
        sql -c "SELECT date_trunc('second', clock_timestamp()) + interval '15 s'" >"$out/due_at"
        set_timers 10000 "'$(cat "$out/due_at")'"
        await_fired 10000 "$(cat "$out/due_at")"
        sql -c "SELECT extract(epoch FROM max(started_at) - '$(cat "$out/due_at")') FROM foreman.job_history WHERE run_at = '$(cat "$out/due_at")'" >>"$out/due"
        note "    started early" "$(sql -c "SELECT count(*) FROM foreman.job_history WHERE kind = 'timer' AND started_at < run_at")"
    done
    figure "10,000 due at one time: the last has started after" s "< 1" <"$out/due"

    for p in 50 99 100; do : >"$out/late$p"; done
    for ((i = 1; i <= runs; i++)); do
        sql -c "TRUNCATE foreman.job_history"
        await_quiet
        set_timers $((200 * size_factor)) "clock_timestamp() + interval '1 s' + i * interval '53 ms'"
        await_fired $((200 * size_factor)) -infinity
        for p in 50 99 100; do
            sql -c "SELECT 1000 * percentile_cont($p / 100.0) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - run_at)) FROM foreman.job_history WHERE kind = 'timer'" >>"$out/late$p"
        done
    done
    figure "from fire_at to the start of the handler, p50" ms "< 1" <"$out/late50"
    figure "from fire_at to the start of the handler, p99" ms "< 10" <"$out/late99"
    figure "from fire_at to the start of the handler, slowest" ms <"$out/late100"
    # By the engine's own means, so that its counters know.
    until [ "$(sql -c "SELECT foreman.delete_where(kind => 'timer', max_rows => 100000)")" = 0 ]; do :; done
    sql -c "VACUUM foreman.live_job"
}
