# Part of test/bench/run: the feed of events and projections.
# shellcheck shell=bash

streams_clean() {
    sql -c "SELECT foreman.stop()" -c "CALL bench.wait_workers(0)" >/dev/null
    sql -c "TRUNCATE foreman.workflow_instance, foreman.workflow_event, foreman.workflow_input, foreman.workflow_effect, foreman.projection, foreman.projection_place, st.model" >/dev/null
    clean_up
}

stream_rate() {
    pgbench_tps -c 4 -j 2 -T $((5 * size_factor)) -f <(printf '%s\n' "\\set id random(1, 1000)" "SELECT foreman.execute('stream', :id::text, '{}');")
}

# The same appending with a plain sequence as the default of the position, and without the index that readers use.
append_cost() {
    local i
    : >"$out/append" && : >"$out/append_plain" && : >"$out/append_bare"
    for ((i = 0; i < runs; i++)); do
        streams_clean
        stream_rate >>"$out/append"
        streams_clean
        sql -c "ALTER TABLE foreman.workflow_event ALTER position SET DEFAULT nextval('foreman.workflow_position_seq')" >/dev/null
        stream_rate >>"$out/append_plain"
        streams_clean
        sql -c "ALTER TABLE foreman.workflow_event ALTER position SET DEFAULT nextval('foreman.workflow_position_seq')" -c "DROP INDEX foreman.workflow_event_position" >/dev/null
        stream_rate >>"$out/append_bare"
        sql -c "ALTER TABLE foreman.workflow_event ALTER position SET DEFAULT foreman._next_position()" -c "CREATE INDEX workflow_event_position ON foreman.workflow_event (position)" >/dev/null
    done
    figure "execute() with one event, 4 clients" "/s" <"$out/append"
    figure "the same without the protocol of the feed" "/s" <"$out/append_plain"
    figure "the same without its index, too" "/s" <"$out/append_bare"
    compare "with / without the protocol" "$(cat "$out/append")" "$(cat "$out/append_plain")" "0.95"
}

# How fast a projection goes over what is there.
projection_rate() {
    local file=$1 handler=$2 batch=$3 events=$((200000 * size_factor)) i t0
    : >"$out/$file"
    for ((i = 0; i < runs; i++)); do
        streams_clean
        sql -c "CALL st.fill($events)" -c "VACUUM ANALYZE foreman.workflow_event" -c "CHECKPOINT" -c "SELECT foreman.start()" -c "SELECT foreman.enqueue('noop')" -c "CALL bench.wait_drained(10)" >/dev/null
        await_quiet
        t0=$EPOCHREALTIME
        sql -c "SELECT foreman.create_projection('rate', '$handler', batch => $batch)" -c "CALL st.wait('rate', 120)" >/dev/null
        awk -v a="$t0" -v b="$EPOCHREALTIME" -v n="$events" 'BEGIN { print n / (b - a) }' >>"$out/$file"
        sql -c "SELECT 1 / (count(*) = $events)::int FROM st.model" >/dev/null
    done
}

projection_lag() {
    local i foreign
    : >"$out/lag" && : >"$out/lag99" && : >"$out/lag_foreign" && : >"$out/durable"
    for ((i = 0; i < runs; i++)); do
        streams_clean
        sql -c "SELECT foreman.start()" -c "SELECT foreman.create_projection('lag', 'st.insert_one')" -c "SELECT foreman.execute('stream', 'lag', '{}')" -c "CALL st.wait('lag', 20)" >/dev/null
        await_quiet
        sql -c "CALL st.lag(200, NULL, NULL)" | tr '|' ' ' >"$out/lag_pair"
        awk '{ print $1 }' "$out/lag_pair" >>"$out/lag"
        awk '{ print $2 }' "$out/lag_pair" >>"$out/lag99"
        sql -c "BEGIN; CREATE TEMP TABLE foreign_transaction (x int); SELECT pg_sleep(600)" >/dev/null 2>&1 &
        foreign=$!
        sql -c "CALL st.lag(200, NULL, NULL)" | tr '|' ' ' | awk '{ print $1 }' >>"$out/lag_foreign"
        sql -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%foreign_transaction%' AND pid <> pg_backend_pid()" >/dev/null
        wait $foreign || true
        pgbench_tps -c 1 -T 2 -f <(printf '%s\n' "$one_row") | awk '{ print 1000 / $1 }' >>"$out/durable"
    done
    figure "commit to the projection's handler, p50" ms <"$out/lag"
    figure "the same, p99" ms <"$out/lag99"
    figure "p50 beside an open transaction that appends nothing" ms <"$out/lag_foreign"
    figure "a durable commit" ms <"$out/durable"
    paste "$out/lag" "$out/durable" | awk '{ print $1 + $2 }' >"$out/lag_readable"
    compare "(handler + its commit) / commit" "$(cat "$out/lag_readable")" "$(cat "$out/durable")" "<= 3"
}

bench_streams() {
    section "The feed of events, and projections"
    sql -f "$root/test/bench/streams.sql" >/dev/null
    append_cost
    projection_rate rate_one st.insert_one 100
    figure "projection, PL/pgSQL handler that inserts" "/s" "> 20000" <"$out/rate_one"
    projection_rate rate_many st.insert_many 1000
    figure "projection, handler of arrays of 1000 that inserts" "/s" "> 60000" <"$out/rate_many"
    projection_lag
    streams_clean
}
