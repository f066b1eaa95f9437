# Part of test/bench/run: producing, with the engine stopped, beside plain INSERT and COPY of the same row into a table
# with the same indexes. The two sides take turns.
# shellcheck shell=bash

enqueue_one="SELECT foreman.enqueue('noop', '{\"kind\": \"welcome\", \"to\": \"user@example.com\", \"n\": 1234567, \"pad\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}');"
insert_one="INSERT INTO bench.plain (job_id, run_at, enqueued_at, priority, attempt, max_attempts, queue, kind, args)
    VALUES (nextval('bench.plain_id'), now(), clock_timestamp(), 0, 0, 20, 'default', 'noop', '{\"kind\": \"welcome\", \"to\": \"user@example.com\", \"n\": 1234567, \"pad\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}');"

single_rows() {
    local clients=$1 seconds=$((3 * size_factor)) i
    : >"$out/enqueue"
    : >"$out/insert"
    for ((i = 0; i < runs; i++)); do
        clean_up
        pgbench_tps -c "$clients" -j 2 -T $seconds -f <(printf '%s\n' "$enqueue_one") >>"$out/enqueue"
        pgbench_tps -c "$clients" -j 2 -T $seconds -f <(printf '%s\n' "$insert_one") >>"$out/insert"
    done
    figure "enqueue(), one row a transaction, $clients client(s)" "jobs/s" <"$out/enqueue"
    figure "plain INSERT of the same row" "rows/s" <"$out/insert"
    compare "enqueue / INSERT" "$(cat "$out/enqueue")" "$(cat "$out/insert")"
}

arrays() {
    local size=$1 times=$2 i
    : >"$out/array"
    for ((i = 0; i < runs; i++)); do
        clean_up
        pgbench_tps -c 1 -t "$times" -f <(printf '%s\n' "SELECT count(*) FROM foreman.enqueue_array('noop', (SELECT args FROM bench.args WHERE size = $size));") |
            awk -v size="$size" '{ print $1 * size }' >>"$out/array"
    done
    figure "enqueue_array() of $size, 1 client" "jobs/s" <"$out/array"
}

copies() {
    local i file=$PGHOST/rows t0
    sql -c "COPY (SELECT i, now(), now(), 0, 0, 20, 0, 'w', 'default', 'noop', bench.payload() FROM generate_series(1, 100000) AS i) TO '$file'"
    for ((i = 0; i < runs; i++)); do
        sql -c "TRUNCATE bench.plain" -c "CHECKPOINT"
        t0=$EPOCHREALTIME
        sql -c "COPY bench.plain (job_id, run_at, enqueued_at, priority, attempt, max_attempts, alone, state, queue, kind, args) FROM '$file'"
        awk -v a="$t0" -v b="$EPOCHREALTIME" 'BEGIN { print 100000 / (b - a) }'
    done
}

bench_enqueue() {
    section "Enqueue: about 100 bytes of arguments, engine stopped"
    single_rows 1
    single_rows 4
    arrays 1000 100
    arrays 100000 1
    copies >"$out/copy"
    figure "COPY of 100000 rows into the same table" "rows/s" <"$out/copy"
    compare "enqueue_array of 100000 / COPY" "$(cat "$out/array")" "$(cat "$out/copy")"
}
