# Part of test/bench/run: what limits of a queue cost. The same jobs without a limit, under one that is never
# reached, and under one that equals the number of executors, in alternating runs
# (https://github.com/riverqueue/river/issues/1145: such a limit halved the throughput).
# shellcheck shell=bash

# limits_once LIMIT JOBS: microseconds a job; LIMIT is a number, or none.
limits_once() {
    local limit=$1 jobs=$2
    clean_up
    case $limit in
        none) sql -c "SELECT foreman.alter_queue('default', reset => '{max_running}')" >/dev/null ;;
        *) sql -c "SELECT foreman.alter_queue('default', max_running => $limit)" >/dev/null ;;
    esac
    sql -c "CALL bench.load('noop', $jobs, 10000)" -c "CHECKPOINT"
    await_quiet
    sql -c "SELECT foreman.start()" -c "CALL bench.wait_drained(300)" >/dev/null
    sql -c "SELECT extract(epoch FROM max(finished_at) - min(started_at)) * 1e6 / count(*) FROM foreman.job_history WHERE outcome = 'c' HAVING count(*) = $jobs"
}

bench_limits() {
    local n=$((${BENCH_LIMITS:-100000} * size_factor)) i limit
    section "Limits: $n jobs worked off by 2 executors; runs alternate"
    sql -c "SELECT foreman.create_queue('default')" >/dev/null
    for limit in none 1000 2; do : >"$out/limits-$limit"; done
    for ((i = 0; i < runs; i++)); do
        for limit in none 1000 2; do limits_once $limit "$n" >>"$out/limits-$limit"; done
    done
    sql -c "SELECT foreman.alter_queue('default', reset => '{max_running}')" >/dev/null
    for limit in none 1000 2; do figure "work off, max_running: $limit" us/job <"$out/limits-$limit"; done
    compare "max_running not reached / none" "$(cat "$out/limits-1000")" "$(cat "$out/limits-none")" "<= 1.03"
    compare "max_running of as many executors / none" "$(cat "$out/limits-2")" "$(cat "$out/limits-none")" "<= 1.05"
}
