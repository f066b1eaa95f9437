# Part of test/bench/run: schedules of each minute, by pg_foreman_cron and by the distribution's pg_cron with background
# workers, on servers with the same settings, in minutes that alternate: from the minute to the start of each command.
# Left out where pg_cron is not packaged.
# shellcheck shell=bash

bench_cron() {
    local jobs=${BENCH_CRON:-50} name p theirs=bench-cron conf=$out/theirs.conf
    section "Cron: $jobs commands of each minute, one minute each"
    if [ ! -e "$(pg_dir sharedir)/extension/pg_cron.control" ]; then
        note "left out" "postgresql-$(pg_major)-cron is not installed"
        return 0
    fi
    clean_up
    printf '%s\n' "shared_preload_libraries = 'pg_foreman, pg_cron'" "cron.use_background_workers = on" \
        "cron.max_running_jobs = $jobs" "cron.database_name = 'postgres'" "max_worker_processes = $((jobs + 20))" >"$conf"
    "$root/test/lib/server" fresh $theirs "$root/test/bench/server.conf" "$conf"
    cron_sql() {
        local server=$1 db=bench
        shift
        [ "$server" = "$theirs" ] && db=postgres
        "$root/test/lib/server" psql "$server" -qAt -v ON_ERROR_STOP=1 -d $db "$@"
    }
    cron_sql $theirs -c "CREATE EXTENSION pg_cron"
    cron_sql $server -c "CREATE EXTENSION pg_foreman_cron" -c "SELECT foreman.start()" >/dev/null
    for name in $server $theirs; do
        cron_sql "$name" -c "CREATE TABLE late (at timestamptz)"
        # So that the next minute is a whole one for everything that was scheduled before.
        cron_sql "$name" -c "SELECT pg_sleep(CASE WHEN extract(second FROM clock_timestamp()) > 50 THEN 11 ELSE 0 END)" \
            -c "SELECT count(cron.schedule('j' || n, '* * * * *', 'INSERT INTO late VALUES (clock_timestamp())')) FROM generate_series(1, $jobs) n" >/dev/null
        cron_sql "$name" -c "DO \$\$ BEGIN
                FOR i IN 1 .. 1500 LOOP
                    EXIT WHEN (SELECT count(*) FROM late) >= $jobs;
                    COMMIT;
                    PERFORM pg_sleep(0.1);
                END LOOP;
                ASSERT (SELECT count(*) FROM late) >= $jobs, 'not every command ran';
            END \$\$"
        cron_sql "$name" -c "SELECT count(cron.unschedule(jobname)) FROM cron.job" >/dev/null
        for p in 50 100; do
            cron_sql "$name" -c "SELECT 1000 * percentile_disc($p / 100.0) WITHIN GROUP (ORDER BY extract(epoch FROM at - date_trunc('minute', at))) FROM late" |
                figure "$([ "$name" = $server ] && echo pg_foreman_cron || echo "pg_cron $(cron_sql $theirs -c "SELECT extversion FROM pg_extension WHERE extname = 'pg_cron'")"): the minute to the start, p$p" ms
        done
    done
    "$root/test/lib/server" remove $theirs
    cron_sql $server -c "DROP EXTENSION pg_foreman_cron" -c "DROP TABLE late" -c "SELECT foreman.stop()" -c "CALL bench.wait_workers(0)" >/dev/null
}
