# Part of test/bench/run: what keys cost. Jobs with a distinct concurrency key each against the same without,
# in alternating runs, so that what the machine does meanwhile falls on both: the time of a job from its
# enqueue() alone, and of one that is worked off.
# shellcheck shell=bash

# keys_once OPTION JOBS: microseconds a job to enqueue, and to work off. OPTION is of enqueue(), with i for the job's number.
keys_once() {
    local option=$1 jobs=$2 t0 t1 rate
    clean_up
    t0=$EPOCHREALTIME
    sql -c "SELECT count(foreman.enqueue('noop', '{}'$option)) FROM generate_series(1, $jobs) AS i" >/dev/null
    t1=$EPOCHREALTIME
    sql -c "CHECKPOINT"
    await_quiet
    sql -c "SELECT foreman.start()" -c "CALL bench.wait_drained(300)" >/dev/null
    rate=$(sql -c "SELECT extract(epoch FROM max(finished_at) - min(started_at)) * 1e6 / count(*) FROM foreman.job_history WHERE outcome = 'c' HAVING count(*) = $jobs")
    [ -n "$rate" ] || die "not every job with '$option' is in the history"
    awk -v a="$t0" -v b="$t1" -v n="$jobs" -v rate="$rate" 'BEGIN { print (b - a) * 1e6 / n, rate }'
}

bench_keys() {
    local n=$((${BENCH_KEYS:-100000} * size_factor)) i what enqueue drain
    section "Keys: $n jobs one enqueue() each, worked off by 2 executors; runs alternate"
    for what in none concurrency sequence unique; do
        : >"$out/keys-$what-enqueue"
        : >"$out/keys-$what-drain"
    done
    for ((i = 0; i < runs; i++)); do
        for what in none concurrency sequence unique; do
            case $what in
                none) read -r enqueue drain < <(keys_once "" "$n") ;;
                *) read -r enqueue drain < <(keys_once ", ${what}_key => 'key ' || i" "$n") ;;
            esac
            printf '%s\n' "$enqueue" >>"$out/keys-$what-enqueue"
            printf '%s\n' "$drain" >>"$out/keys-$what-drain"
        done
    done
    for what in none concurrency sequence unique; do
        figure "enqueue, key: $what" us/job <"$out/keys-$what-enqueue"
        figure "work off, key: $what" us/job <"$out/keys-$what-drain"
    done
    for what in concurrency sequence unique; do
        compare "enqueue, $what key / none" "$(cat "$out/keys-$what-enqueue")" "$(cat "$out/keys-none-enqueue")" "$([ $what != concurrency ] || printf '<= 1.30')"
        compare "work off, $what key / none" "$(cat "$out/keys-$what-drain")" "$(cat "$out/keys-none-drain")" "$([ $what != concurrency ] || printf '<= 1.30')"
    done
}
