# Part of test/bench/run: how late a command of every second starts, and what the dispatcher uses for 10,000 schedules, while
# few of them are due and when all are due in one second.
# shellcheck shell=bash

dispatcher_pid() { sql -c "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher' AND datname = 'bench'"; }

# CPU of the dispatcher over so many seconds, in % of a core.
dispatcher_use() {
    local pid before
    pid=$(dispatcher_pid)
    before=$(run_nanos "$pid")
    sleep "$1"
    awk -v a="$before" -v b="$(run_nanos "$pid")" -v s="$1" 'BEGIN { print (b - a) / s / 1e7 }'
}

bench_schedules() {
    local p seconds=$((20 * size_factor)) i
    section "Schedules: a command every second for $seconds s, then 10,000 schedules"
    clean_up
    sql -c "SELECT foreman.start()" -c "SELECT foreman.schedule('tick', '1 second', 'SELECT 1')" >/dev/null
    sleep $((seconds + 2))
    sql -c "SELECT foreman.unschedule('tick')" >/dev/null
    for p in 50 99 100; do
        sql -c "SELECT 1000 * percentile_disc($p / 100.0) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - scheduled_at))
                  FROM (SELECT * FROM foreman.schedule_runs WHERE name = 'tick' ORDER BY run_id OFFSET 2) r" |
            figure "the second to the start of its command, p$p" ms "$([ $p = 99 ] && echo '< 20')"
    done
    note "    runs measured" "$(sql -c "SELECT count(*) FROM foreman.schedule_runs WHERE name = 'tick'")"

    # Every hour, each at a second of its own.
    sql -c "SELECT count(foreman.schedule_job('s' || i, format('%s %s * * * *', i % 60, i / 60 % 60), 'nobody', overlap => 'allow'))
              FROM generate_series(1, 10000) i" -c "VACUUM ANALYZE foreman.schedule" >/dev/null
    for ((i = 1; i <= runs; i++)); do dispatcher_use 10; done | figure "CPU of the dispatcher, 10,000 schedules of each hour" "% core" "< 1"
    sql -c "SELECT count(foreman.alter_schedule(name, schedule => to_char(t AT TIME ZONE 'UTC', 'SS MI HH24') || ' * * *'))
              FROM foreman.schedules, (SELECT clock_timestamp() + interval '15 s' AS t) x" -c "VACUUM ANALYZE foreman.schedule" >/dev/null
    sql -c "DO \$\$ BEGIN
                WHILE (SELECT count(last_fired_at) FROM foreman.schedules) < 10000 LOOP COMMIT; PERFORM pg_sleep(0.1); END LOOP;
            END \$\$"
    sql -c "SELECT extract(epoch FROM max(last_fired_at) - min(last_scheduled_at)) FROM foreman.schedules" |
        figure "10,000 due in one second: all fired after" s
    sql -c "SELECT count(foreman.unschedule(name)) FROM foreman.schedules" -c "SELECT foreman.stop()" -c "CALL bench.wait_workers(0)" \
        -c "TRUNCATE foreman.schedule_run, foreman.live_job" >/dev/null
    # The counters of the queue begin anew, or the next part waits for jobs that are not there.
    "$root/test/lib/server" restart $server
}
