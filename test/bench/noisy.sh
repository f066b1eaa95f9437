# Part of test/bench/run: how long the jobs of a quiet tenant wait beside one that floods a queue of its own with jobs of a
# millisecond each: alone, beside it, and beside it when its queue has max_running 1. Without a limit or a priority, jobs that were
# due earlier come first, whatever their queue.
# shellcheck shell=bash

bench_noisy() {
    local seconds=$((8 * size_factor)) i case run=0 p
    section "A noisy tenant: 20 jobs/s of a quiet queue for $seconds s, 2 executors"
    clean_up
    sql -c "CREATE OR REPLACE FUNCTION bench.millisecond(args jsonb) RETURNS void LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.001); END'" \
        -c "SELECT foreman.register_handler('millisecond', 'bench.millisecond(jsonb)')" -c "SELECT foreman.create_queue('noisy')" >/dev/null
    for case in alone beside limited; do
        for p in 50 99; do : >"$out/noisy-$case-$p"; done
    done
    for ((i = 0; i < runs; i++)); do
        for case in alone beside limited; do
            run=$((run + 1))
            clean_up
            case $case in
                limited) sql -c "SELECT foreman.alter_queue('noisy', max_running => 1)" ;;
                *) sql -c "SELECT foreman.alter_queue('noisy', reset => '{max_running}')" ;;
            esac >/dev/null
            if [ $case != alone ]; then
                # More than two executors can do in that time.
                sql -c "SELECT count(*) FROM bench.args a, generate_series(1, $seconds * 25 / 100 + 1), foreman.enqueue_array('millisecond', a.args, queue => 'noisy') WHERE a.size = 10000" >/dev/null
            fi
            sql -c "SELECT foreman.start()" >/dev/null
            sleep 1
            pgbench_tps -c 1 -R 20 -T $seconds -f <(printf '%s\n' "SELECT foreman.enqueue('stamp', '{\"run\": $run}', queue => 'quiet');") >/dev/null
            [ $case = alone ] || [ "$(sql -c "SELECT waiting FROM foreman.queues WHERE queue = 'noisy'")" -gt 0 ] || note "    run $run" "the noisy queue was empty before the end"
            # Whatever order the engine keeps, every quiet job has its time.
            sql -c "CALL bench.wait_drained(120)"
            for p in 50 99; do
                sql -c "SELECT 1000 * percentile_cont($p / 100.0) WITHIN GROUP (ORDER BY seconds) FROM bench.latency WHERE run = $run" >>"$out/noisy-$case-$p"
            done
        done
    done
    for case in alone beside limited; do
        for p in 50 99; do
            figure "quiet jobs, $(case $case in alone) echo alone ;; beside) echo "beside the noisy tenant" ;; limited) echo "the same, noisy queue with max_running 1" ;; esac), p$p" ms <"$out/noisy-$case-$p"
        done
    done
    sql -c "TRUNCATE bench.latency"
    clean_up
}
