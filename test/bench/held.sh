# Part of test/bench/run: producing and consuming at full speed for a while, without and with a repeatable-read snapshot that
# somebody holds open. 20,000 jobs wait, always: a loop in the server enqueues arrays of 1,000.
# shellcheck shell=bash

# The jobs per second of each twelfth of so many seconds, one a line.
produce_and_consume() {
    local seconds=$1
    sql -c "DO \$\$
        DECLARE until timestamptz := clock_timestamp() + make_interval(secs => $seconds + 1);
        BEGIN
            WHILE clock_timestamp() < until LOOP
                IF (SELECT coalesce(sum(waiting), 0) FROM foreman.queues) < 20000 THEN
                    PERFORM count(*) FROM bench.args a, foreman.enqueue_array('noop', a.args) WHERE a.size = 1000;
                ELSE
                    PERFORM pg_sleep(0.002);
                END IF;
                COMMIT;
            END LOOP;
        END \$\$" &
    sql -c "DO \$\$
        DECLARE
            slice float8 := $seconds / 12.0; began timestamptz := clock_timestamp(); before numeric := (SELECT sum(jobs_done) FROM foreman.workers); t timestamptz := clock_timestamp(); n numeric;
        BEGIN
            FOR i IN 1 .. 12 LOOP
                COMMIT;
                PERFORM pg_sleep(extract(epoch FROM began - clock_timestamp()) + i * slice);
                n := (SELECT sum(jobs_done) FROM foreman.workers);
                RAISE INFO '%', (n - before) / extract(epoch FROM clock_timestamp() - t);
                t := clock_timestamp();
                before := n;
            END LOOP;
        END \$\$" 2>&1 | sed -n 's/^.*INFO: *//p'
    wait $!
    sql -c "CALL bench.wait_drained(60)"
}

bench_held() {
    local seconds=${BENCH_HELD:-$(form 30 180)} what files
    section "Produce and consume at full speed for $seconds s, lane transaction, 2 executors, history kept"
    # A job of this loop writes 740 bytes of WAL, so the loop needs 8 files a second. As soon as it would have to create files,
    # it would measure the file system: a third of the speed was lost that way. The page of the benchmarks says how much disk.
    files=$((seconds * 10 + 48))
    sql -c "ALTER SYSTEM SET min_wal_size = '$((files * 16))MB'" -c "ALTER SYSTEM SET max_wal_size = '$((files * 32))MB'" -c "SELECT pg_reload_conf()" >/dev/null
    for what in free held; do
        age_wal $files
        warm_up
        [ $what = free ] || hold_snapshot
        produce_and_consume "$seconds" >"$out/slices-$what"
        head -n 2 "$out/slices-$what" >"$out/first"
        tail -n 2 "$out/slices-$what" >"$out/last"
        figure "$([ $what = held ] && echo "beside an open snapshot" || echo "without a snapshot"): first sixth of the time" "jobs/s" <"$out/first"
        figure "    last sixth" "jobs/s" "$([ $what = free ] || echo '>= 80000')" <"$out/last"
        compare "last / first, $([ $what = held ] && echo snapshot held || echo no snapshot)" "$(cat "$out/last")" "$(cat "$out/first")" ">= 0.95"
        [ $what = free ] || release_snapshot
    done
    sql -c "ALTER SYSTEM RESET min_wal_size" -c "ALTER SYSTEM RESET max_wal_size" -c "SELECT pg_reload_conf()" >/dev/null
    sql -c "VACUUM foreman.live_job" -c "CHECKPOINT"
}
