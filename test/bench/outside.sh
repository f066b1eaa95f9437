# Part of test/bench/run: workers outside the server, through pgbench: claiming and completing in bulk, the claim of one
# job from a long backlog, and what heartbeats cost. Every call is a transaction of its own, as behind a pooler.
# shellcheck shell=bash

claim_and_complete="SELECT array_agg(job_id) AS ids, array_agg(token) AS tokens FROM foreman.claim('{default}', 'bench ' || :client_id, :batch) \\gset
SELECT count(*) FROM foreman.complete_many(:ids::int8[], :tokens::uuid[]);"

# Nothing of the kind `outside` has a handler here. The engine runs: its dispatcher watches the leases.
load_outside() {
    # What is thrown away unclaimed stays in the counters of the queue until the next start.
    sql -c "TRUNCATE foreman.live_job, foreman.job_history"
    "$root/test/lib/server" restart $server
    sql -c "CALL bench.load('outside', $1, $2)" -c "VACUUM ANALYZE foreman.live_job" -c "CHECKPOINT"
    sleep 1
}

# Batches: jobs per second that were completed, until none is left.
batches() {
    local batch=$1 jobs=$2 target=${3:-} i
    : >"$out/bulk"
    for ((i = 0; i < runs; i++)); do
        load_outside "$jobs" $((jobs < 100000 ? 1000 : 100000))
        if [ "$batch" -eq 1 ]; then
            printf '%s\n' "SELECT job_id AS id, token FROM foreman.claim('{default}', 'bench ' || :client_id) \\gset" "SELECT foreman.complete(:id::int8, :token::uuid);"
        else
            printf '%s\n' "$claim_and_complete"
        fi >"$out/outside.sql"
        pgbench_tps -c 4 -j 1 -D batch="$batch" -t $((jobs / 4 / batch)) -f "$out/outside.sql" >/dev/null
        sql -c "SELECT count(*) / extract(epoch FROM max(finished_at) - min(started_at)) FROM foreman.job_history WHERE outcome = 'c'" >>"$out/bulk"
    done
    figure "claim and complete $batch at a time, 4 connections" "jobs/s" "$target" <"$out/bulk"
}

# percentile P: of the microseconds in the third column of pgbench's logs, in milliseconds.
percentile() {
    cat "$out"/claim.log.* | awk '{ print $3 }' | sort -n |
        awk -v p="$1" '{ v[NR] = $1 } END { print v[int((NR - 1) * p / 100) + 1] / 1000 }'
}

single_claims() {
    local i p backlog=$((1000000 * size_factor))
    for p in 50 99 100; do : >"$out/claim_p$p"; done
    load_outside $backlog 100000
    for ((i = 0; i < runs; i++)); do
        rm -f "$out"/claim.log.*
        pgbench_tps -c 1 -t 3000 --log --log-prefix="$out/claim.log" \
            -f <(printf '%s\n' "SELECT job_id FROM foreman.claim('{default}', 'bench');") >/dev/null
        for p in 50 99 100; do percentile $p >>"$out/claim_p$p"; done
    done
    figure "claim() of one job, $backlog are waiting, p50" ms <"$out/claim_p50"
    figure "claim() of one job, $backlog are waiting, p99" ms "< 5" <"$out/claim_p99"
    figure "claim() of one job, $backlog are waiting, slowest" ms <"$out/claim_p100"
}

# CPU seconds of the server: of the postmaster, its children, and those that have ended.
server_cpu() {
    # Processes may end while they are read.
    { cat /proc/[0-9]*/stat 2>/dev/null || true; } | awk -v server="$(head -n 1 "$PGDATA/postmaster.pid")" '
        { id = $1; sub(/^.*\) /, "") }
        id == server { t += $12 + $13 + $14 + $15 }
        $2 == server { t += $12 + $13 }
        END { print t / 100 }'
}

heartbeats() {
    local i before lsn t0 seconds=$((20 * size_factor)) id token
    load_outside 10000 10000
    sql -c "CREATE TABLE IF NOT EXISTS bench.lease (n int PRIMARY KEY, ids int8[], tokens uuid[])" -c "TRUNCATE bench.lease"
    sql -c "INSERT INTO bench.lease SELECT (i - 1) / 100 + 1, array_agg(job_id), array_agg(token)
              FROM (SELECT row_number() OVER () AS i, * FROM foreman.claim('{default}', 'bench', 10000, lease => '30 s')) AS c GROUP BY 1"
    lsn=$(sql -c "SELECT pg_current_wal_lsn()")
    : >"$out/beats"
    for ((i = 0; i < runs; i++)); do
        before=$(server_cpu)
        t0=$EPOCHREALTIME
        pgbench_tps -c 1 -R 10 -T $seconds -D n=0 \
            -f <(printf '%s\n' "\\set n (:n % 100) + 1" "SELECT count(*) FROM bench.lease, foreman.heartbeat_many(ids, tokens) WHERE n = :n;") >/dev/null
        awk -v a="$before" -v b="$(server_cpu)" -v s="$t0" -v e="$EPOCHREALTIME" 'BEGIN { print 100 * (b - a) / (e - s) }' >>"$out/beats"
    done
    figure "10000 leases, a heartbeat every 10 s in arrays of 100" "% core" "< 1" <"$out/beats"
    note "    leases still held, write-ahead log of all runs" \
        "$(sql -c "SELECT count(*) || ', ' || pg_size_pretty(pg_current_wal_lsn() - '$lsn'::pg_lsn) FROM foreman.live_job WHERE state = 'r'")"
    read -r id token < <(sql -F ' ' -c "SELECT ids[1], tokens[1] FROM bench.lease WHERE n = 1")
    : >"$out/beat"
    : >"$out/select"
    # Both are so short that a neighbour on the machine doubles them: many short turns.
    for ((i = 0; i < 5 * runs; i++)); do
        pgbench_tps -c 1 -T $size_factor -f <(printf 'SELECT 1;\n') >>"$out/select"
        pgbench_tps -c 1 -T $size_factor -f <(printf '%s\n' "SELECT foreman.heartbeat($id, '$token');") >>"$out/beat"
    done
    figure "heartbeat(), 1 client" "calls/s" <"$out/beat"
    figure "SELECT 1, 1 client" "calls/s" <"$out/select"
    compare "time of a heartbeat / time of SELECT 1" "$(cat "$out/select")" "$(cat "$out/beat")" "<= 1.5"
}

bench_outside() {
    section "Outside workers: about 100 bytes of arguments, pgbench over the local socket"
    batches 1 $((4000 * size_factor))
    batches 10 $((20000 * size_factor))
    batches 100 $((100000 * size_factor)) ">= 40000"
    batches 1000 $((100000 * size_factor))
    single_claims
    heartbeats
    sql -c "TRUNCATE foreman.live_job"
    "$root/test/lib/server" restart $server
}
