#!/bin/bash
# A worker for pg_foreman outside the server, with psql.
#
#     PGHOST=... PGDATABASE=... examples/worker.sh [QUEUE]
#
# One job at a time; for more, start more of them. SIGTERM gives back what is held and ends it.
set -u
queue=${1:-default}
worker=$(hostname):$$
beat=5 # seconds; a lease that nobody extends ends after 30
stopping='' handler='' tab=$'\t'

handle() { # your work, in a process of its own: kind, args; what it prints is the result, as JSON
    case $2 in
        *'"fail": true'*) echo 'asked to fail' >&2 && exit 1 ;;
        *'"seconds": '*) sleep "$(sed 's/.*"seconds": \([0-9.]*\).*/\1/' <<<"$2")" || exit 1 ;;
    esac
    printf '{"kind": "%s", "by": "shell"}\n' "$1"
}

# sql STATEMENT [--set=NAME=VALUE...]: once more when the server is away; a repeated outcome answers 'lost'.
sql() {
    while psql -XqAt -F "$tab" -v ON_ERROR_STOP=1 -v queue="$queue" -v worker="$worker" "${@:2}" <<<"$1"
        [ $? -eq 2 ]; do sleep 1; done # 2: no connection, or it was lost
}

run() {
    local pause work=$scratch/out job=(--set="id=$1" --set="token=$2")
    setsid bash -c "$(declare -f handle); handle \"\$@\"" handle "$3" "$4" >"$work" 2>"$work.err" &
    handler=$!
    while kill -0 $handler 2>/dev/null; do
        [ -z "$stopping" ] || kill -- -$handler
        sleep $beat & pause=$!
        wait -n $handler $pause # returns early when the handler ends, or on SIGTERM
        kill $pause 2>/dev/null || case $(sql "SELECT foreman.heartbeat(:id, :'token')" "${job[@]}") in
            cancel_requested | lost) kill -- -$handler ;;
        esac
    done
    if wait $handler; then
        sql "SELECT foreman.complete(:id, :'token', :'result')" "${job[@]}" --set="result=$(cat "$work")"
    elif [ $stopping ]; then
        sql "SELECT foreman.release(:id, :'token')" "${job[@]}"
    else # when the job has been cancelled, this ends it as cancelled
        sql "SELECT foreman.fail(:id, :'token', :'error')" "${job[@]}" --set="error=$(tail -c 1000 "$work.err")"
    fi >/dev/null
    handler=
}

scratch=$(mktemp -d) || exit # removed at the end: a trap on EXIT can also run in a child that is killed as it starts
trap 'stopping=yes; [ -z "$handler" ] || kill -- -$handler 2>/dev/null' TERM
until [ $stopping ]; do
    sql "SELECT FROM foreman.worker_heartbeat(:'worker', ARRAY[:'queue'], 'worker.sh');
         CALL foreman.wait_for_job(ARRAY[:'queue'], '5 s');"
    IFS=$tab read -r id token kind args < <(sql "SELECT job_id, token, kind, args
        FROM foreman.claim(ARRAY[:'queue'], :'worker', lease => '30 s')") && run "$id" "$token" "$kind" "$args"
done
rm -rf "$scratch"
