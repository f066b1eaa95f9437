# Part of test/bench/run: whether the drain slows down with more queues, kinds, priorities, history, timers, or with jobs of the
# future that come first by priority. What can be made anew quickly alternates with the plain drain; what takes long to make
# stands between two rounds of it.
# shellcheck shell=bash

# await_done NUMBER: waits until the executors have done so many. Their counters are in shared memory: no table is read.
await_done() {
    sql -c "DO \$\$ BEGIN
            FOR i IN 1 .. 12000 LOOP
                IF (SELECT sum(jobs_done) FROM foreman.workers) >= $1 THEN RETURN; END IF;
                COMMIT;
                PERFORM pg_sleep(0.02);
            END LOOP;
            RAISE 'the jobs were not done in four minutes';
        END \$\$"
}

# grow_once LOAD: jobs per second of what LOAD, a statement, enqueues. Executors are alive and have done the same once: the commit
# of LOAD starts them. From the first started_at to the last finished_at.
grow_once() {
    local n=$((100000 * size_factor)) before t0 i
    for i in warm timed; do
        sql -c "VACUUM foreman.live_job" -c "CHECKPOINT"
        [ $i = warm ] || await_quiet
        before=$(sql -c "SELECT sum(jobs_done) FROM foreman.workers")
        t0=$(sql -c "SELECT clock_timestamp()")
        sql -c "$1" >/dev/null
        await_done $((before + n))
    done
    sql -c "SELECT count(*) / extract(epoch FROM max(finished_at) - min(started_at)) FROM foreman.job_history WHERE started_at > '$t0' HAVING count(*) = $n"
}

# An engine whose executors are there.
grow_start() {
    sql -c "SELECT foreman.start()" -c "CALL bench.load('noop', 10000, 10000)" -c "CALL bench.wait_drained(60)" -c "CALL bench.wait_workers(2)" >/dev/null
}

grow_plain() { grow_once "CALL bench.load('noop', $((100000 * size_factor)), 10000)"; }

# so many arrays, each with the options that are given, i in 1 .. many.
arrays_with() {
    local many=$1 size=$((100000 * size_factor / $1))
    printf '%s' "SELECT count(*) FROM generate_series(1, $many) i, LATERAL foreman.enqueue_array($2, (SELECT args[1:$size] FROM bench.args WHERE size = 1000)$3)"
}

# standing WHAT: the plain drain before and after beside what grow_up_WHAT made, until grow_down_WHAT has removed it.
standing() {
    local what=$1 title=$2 i
    : >"$out/without"
    : >"$out/with"
    for ((i = 0; i < runs; i++)); do grow_plain >>"$out/without"; done
    "grow_up_$what"
    for ((i = 0; i < runs; i++)); do grow_plain >>"$out/with"; done
    "grow_down_$what"
    for ((i = 0; i < runs; i++)); do grow_plain >>"$out/without"; done
    figure "$title" "jobs/s" <"$out/with"
    figure "    before and after it" "jobs/s" <"$out/without"
    compare "with / without: $title" "$(cat "$out/with")" "$(cat "$out/without")" ">= 0.90"
}

grow_up_history() {
    sql -c "INSERT INTO foreman.job_history (job_id, finished_at, run_at, enqueued_at, started_at, priority, attempt, max_attempts, outcome, queue, kind, args)
            SELECT -n, t, t, t, t, 0, 1, 5, 'c', 'default', 'noop', bench.payload() FROM generate_series(1, $many_rows) n, (SELECT date_trunc('day', now()) AS t) d" -c "VACUUM ANALYZE foreman.job_history" -c "CHECKPOINT"
}
grow_down_history() { sql -c "TRUNCATE foreman.job_history"; }

grow_up_timers() {
    local i
    for ((i = 0; i < many_timers; i += 10000)); do
        sql -c "SELECT count(foreman.set_timer('timer', 'far ' || i, '2100-01-01'::timestamptz + i * interval '1 s')) FROM generate_series($i + 1, $i + 10000) i" >/dev/null
    done
    sql -c "VACUUM ANALYZE foreman.live_job" -c "CHECKPOINT"
}
remove_kind() {
    until [ "$(sql -c "SELECT foreman.delete_where(kind => '$1', max_rows => 100000)")" = 0 ]; do :; done
    sql -c "VACUUM foreman.live_job" -c "CHECKPOINT"
}
grow_down_timers() { remove_kind timer; }

grow_up_future() {
    local i
    for ((i = 0; i < 1000000; i += 100000)); do
        sql -c "SELECT count(*) FROM foreman.enqueue_array('timer', (SELECT args FROM bench.args WHERE size = 100000), priority => -50, run_at => now() + interval '1 day' + $i * interval '1 ms')" >/dev/null
    done
    sql -c "VACUUM ANALYZE foreman.live_job" -c "CHECKPOINT"
}
grow_down_future() { remove_kind timer; }

bench_growth() {
    local i case many_rows many_timers cases=(plain queues1000 queues10000 kinds1000 priorities200)
    many_rows=$(form 1000000 10000000)
    many_timers=${BENCH_TIMERS:-$(form 300000 5000000)}
    section "Growth: drain of $((100000 * size_factor)) no-op jobs, lane transaction, 2 executors"
    clean_up
    grow_start
    sql -c "SELECT count(foreman.register_handler('kind ' || i, 'bench.noop(jsonb)')) FROM generate_series(1, 1000) i" >/dev/null
    for case in "${cases[@]}"; do : >"$out/grow-$case"; done
    for ((i = 0; i < runs; i++)); do
        for case in "${cases[@]}"; do
            case $case in
                plain) grow_plain ;;
                queues1000) grow_once "$(arrays_with 1000 "'noop'" ", queue => 'queue ' || i")" ;;
                queues10000) grow_once "$(arrays_with 10000 "'noop'" ", queue => 'queue ' || i")" ;;
                kinds1000) grow_once "$(arrays_with 1000 "'kind ' || i" "")" ;;
                priorities200) grow_once "$(arrays_with 1000 "'noop'" ", priority => i % 200 - 100")" ;;
            esac >>"$out/grow-$case"
        done
    done
    figure "1 queue, 1 kind, 1 priority" "jobs/s" <"$out/grow-plain"
    for case in queues1000 queues10000 kinds1000 priorities200; do
        figure "$case" "jobs/s" <"$out/grow-$case"
        compare "$case / 1" "$(cat "$out/grow-$case")" "$(cat "$out/grow-plain")" ">= 0.90"
    done
    # The counters of so many queues begin anew.
    "$root/test/lib/server" restart $server
    grow_start
    standing history "beside $many_rows rows of history"
    standing timers "beside $many_timers timers that wait"
    standing future "behind 1000000 jobs of the future with a better priority"
    clean_up
}
