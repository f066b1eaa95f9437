# Part of test/bench/run: what the engine uses while there is nothing to do, and what its executors keep after
# much work. CPU is what the scheduler counted for each process (schedstat, nanoseconds).
# shellcheck shell=bash

workers_pids() { sql -c "SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'pg_foreman %' ORDER BY pid"; }

run_nanos() {
    local pid
    for pid in $1; do cut -d' ' -f1 "/proc/$pid/schedstat"; done | awk '{ s += $1 } END { print s }'
}

bench_idle() {
    local seconds=$((20 * size_factor)) pids before after i open=0
    section "Idle: launcher, dispatcher and executors with nothing due, $seconds s"
    clean_up
    sql -c "SELECT foreman.start()" -c "SELECT foreman.enqueue('noop')" \
        -c "SELECT count(*) FROM foreman.enqueue_array('noop', (SELECT args FROM bench.args WHERE size = 10000))" >/dev/null
    sql -c "CALL bench.wait_drained(60)"
    sleep 2
    pids=$(workers_pids)
    before=$(run_nanos "$pids")
    for ((i = 0; i < seconds; i++)); do
        sleep 1
        open=$((open + $(sql -c "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pg_foreman %'
                                    AND (xact_start IS NOT NULL OR backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)")))
    done
    after=$(run_nanos "$pids")
    [ "$pids" = "$(workers_pids)" ] || note "processes changed while measured" "$pids / $(workers_pids)"
    note "processes" "$(wc -w <<<"$pids")"
    awk -v a="$before" -v b="$after" -v s="$seconds" 'BEGIN { print (b - a) / s / 1e7 }' | figure "CPU of all of them" "% core" "< 0.1"
    note "looks that found an open transaction or snapshot" "$open of $seconds"
}

# Dirty pages of the process's own, without shared memory (its pages count as private when one process alone touched them).
private_mb() {
    awk '/^[0-9a-f]+-[0-9a-f]+ / { shared = $6 ~ /^\/(dev|SYSV)/ } /^Private_Dirty:/ && !shared { kb += $2 } END { print kb / 1024 }' "/proc/$1/smaps"
}

report_memory() {
    local pid jobs_done
    while IFS='|' read -r pid jobs_done; do
        private_mb "$pid" | figure "private memory of executor $pid after $jobs_done jobs" MB "< 16"
    done < <(sql -c "SELECT pid, jobs_done FROM foreman.workers ORDER BY slot")
}
