# Part of test/bench/run: workflows. Rates beside the rate at which the same clients commit one row, latencies beside
# what a durable commit takes in the same run.
# shellcheck shell=bash

workflow_clean() {
    # The timers of a run would never be drained; effects and timers of workflows that are gone do nothing.
    sql -c "SELECT foreman.stop()" -c "CALL bench.wait_workers(0)" >/dev/null
    sql -c "TRUNCATE foreman.workflow_instance, foreman.workflow_event, foreman.workflow_input, foreman.workflow_effect" -c "SELECT foreman.purge_queue('default')" >/dev/null
    clean_up
}

one_row="INSERT INTO bench.one_row (v) VALUES (1);"

execute_rate() {
    local i seconds=$((5 * size_factor))
    : >"$out/execute" && : >"$out/count" && : >"$out/commit"
    for ((i = 0; i < runs; i++)); do
        workflow_clean
        pgbench_tps -c 4 -j 2 -T $seconds -f <(printf '%s\n' "\\set id random(1, 1000000000)" "SELECT foreman.execute('full', :id::text, '{\"type\": \"place\"}');") >>"$out/execute"
        pgbench_tps -c 4 -j 2 -T $seconds -f <(printf '%s\n' "\\set id random(1, 1000)" "SELECT foreman.execute('count', :id::text, '{\"type\": \"place\"}');") >>"$out/count"
        pgbench_tps -c 4 -j 2 -T $seconds -f <(printf '%s\n' "$one_row") >>"$out/commit"
    done
    figure "execute(): event, effect, timer, new workflow, 4 clients" "/s" <"$out/execute"
    figure "execute(): one event on one of 1000, 4 clients" "/s" <"$out/count"
    figure "INSERT of one row, 4 clients" "/s" <"$out/commit"
    compare "execute / INSERT" "$(cat "$out/execute")" "$(cat "$out/commit")" "0.33"
}

# The same submit of a command to workflows that outside workers decide.
submits() {
    local i which
    workflow_clean
    sql -c "SELECT foreman.start()" >/dev/null
    : >"$out/early" && : >"$out/submitted_late"
    for ((i = 0; i < runs; i++)); do
        sql -c "CALL wf.long_outside('submitted_late $i', 10000)" >/dev/null
        for which in early submitted_late; do
            sql -c "CALL wf.submit('$which $i', 20)" >>"$out/$which"
        done
    done
    figure "submit_commands() to a new workflow" ms <"$out/early"
    figure "submit_commands() after 10000 events" ms <"$out/submitted_late"
    compare "late / early" "$(cat "$out/submitted_late")" "$(cat "$out/early")" "1.5"
}

three_steps() {
    local i
    : >"$out/three" && : >"$out/step" && : >"$out/durable"
    for ((i = 0; i < runs; i++)); do
        workflow_clean
        sql -c "SELECT foreman.start()" -c "SELECT foreman.enqueue('noop')" -c "CALL bench.wait_drained(10)" >/dev/null
        await_quiet
        pgbench_tps -c 1 -R 15 -T $((5 * size_factor)) -f <(printf '%s\n' "\\set id random(1, 1000000000)" "SELECT foreman.execute('three', :id::text, '{\"type\": \"begin\"}');") >/dev/null
        sql -c "CALL bench.wait_drained(20)"
        sql -c "SELECT 1000 * percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM ended_at - started_at)) FROM foreman.workflow_instance WHERE workflow_type = 'three' AND state = 'c'" >>"$out/three"
        # From the end of an effect's handler to the next decision: the effect's commit, the wake-up, the claim, decide.
        sql -c "SELECT 1000 * percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM v.recorded_at - e.ended_at)) FROM foreman.workflow_effect e JOIN foreman.workflow_event v ON v.instance = e.instance AND v.sequence = e.sequence + 1" >>"$out/step"
        pgbench_tps -c 1 -T 2 -f <(printf '%s\n' "$one_row") | awk '{ print 1000 / $1 }' >>"$out/durable"
    done
    figure "three effects one after another, p50" ms "< 20" <"$out/three"
    figure "effect done to next decision, p50" ms <"$out/step"
    figure "a durable commit" ms <"$out/durable"
    compare "decision / commit" "$(cat "$out/step")" "$(cat "$out/durable")" "5"
}

long_history() {
    local i first last
    workflow_clean
    : >"$out/tenth" && : >"$out/late" && : >"$out/fold"
    for ((i = 0; i < runs; i++)); do
        sql -c "SELECT count(foreman.execute('count', 'long $i', '{}')) FROM generate_series(1, 10000)" -c "CHECKPOINT" >/dev/null
        first=$(pgbench_tps -c 1 -t 10 -f <(printf '%s\n' "\\set id random(1, 1000000000)" "SELECT foreman.execute('count', :id::text, '{}');"))
        first=$(pgbench_tps -c 1 -t 1000 -f <(printf '%s\n' "SELECT foreman.execute('count', 'short $i', '{}');"))
        last=$(pgbench_tps -c 1 -t 1000 -f <(printf '%s\n' "SELECT foreman.execute('count', 'long $i', '{}');"))
        printf '%s\n' "$first" | awk '{ print 1000 / $1 }' >>"$out/tenth"
        printf '%s\n' "$last" | awk '{ print 1000 / $1 }' >>"$out/late"
        sql -c "SELECT count(foreman.execute('fold', 'f $i', '{}')) FROM generate_series(1, 10000)" -c "CALL wf.forget_snapshots()" >/dev/null
        sql -c "\\timing on" -c "SELECT foreman.workflow_state('fold', 'f $i')" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' >>"$out/fold"
    done
    figure "execute() on the first 1000 events" ms <"$out/tenth"
    figure "execute() after 10000 events" ms <"$out/late"
    compare "late / early" "$(cat "$out/late")" "$(cat "$out/tenth")" "1.5"
    figure "fold of 10000 events, no snapshot, PL/pgSQL" ms "< 100" <"$out/fold"
}

signals() {
    local i t0
    : >"$out/signals"
    for ((i = 0; i < runs; i++)); do
        workflow_clean
        sql -c "SELECT foreman.start()" -c "SELECT foreman.enqueue('noop')" -c "CALL bench.wait_drained(10)" >/dev/null
        await_quiet
        t0=$EPOCHREALTIME
        pgbench_tps -c 8 -j 2 -t 125 -f <(printf '%s\n' "SELECT foreman.signal_workflow('count', 'one', '{}');") >/dev/null
        sql -c "CALL wf.wait_sequence('one', 1000, 60)"
        awk -v a="$t0" -v b="$EPOCHREALTIME" 'BEGIN { print 1000 / (b - a) }' >>"$out/signals"
    done
    figure "1000 signals to one workflow from 8 clients, handled" "/s" "> 2000" <"$out/signals"
}

bench_workflow() {
    section "Workflows: PL/pgSQL decide and evolve"
    sql -f "$root/test/bench/workflow.sql" >/dev/null
    execute_rate
    long_history
    submits
    three_steps
    signals
}
