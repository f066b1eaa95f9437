# Sourced by test/bench/run: SQL, medians, what else used the machine. The parts (drain.sh, ...) each
# define one function and print through `figure`, `compare` and `note`.
# shellcheck shell=bash

server=bench
runs=${BENCH_RUNS:-3}
case "${BENCH_FORM:-short}" in
    short) size_factor=1 ;;
    full) size_factor=4 ;;
    *) die "BENCH_FORM is short or full, not '$BENCH_FORM'" ;;
esac
# The value of the form that runs: form SHORT FULL.
form() { if [ $size_factor -eq 1 ]; then printf '%s' "$1"; else printf '%s' "$2"; fi; }

sql() { "$root/test/lib/server" psql $server -qAt -v ON_ERROR_STOP=1 -d bench "$@"; }

pgbench_tps() {
    "$(pg_dir bindir)/pgbench" -n -M prepared "$@" bench 2>"$out/pgbench.err" >"$out/pgbench.out" || {
        cat "$out/pgbench.err" >&2
        die "pgbench failed"
    }
    sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$out/pgbench.out"
}

# median, least and greatest of the numbers on standard input.
spread() { sort -g | awk '{ v[NR] = $1 } END { print (NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2), v[1], v[NR] }'; }

# What stands in JSON: text without what would end a string.
json_text() { printf '"%s"' "${1//[\\\"]/}"; }

# A line of figures.jsonl: what the report reads. Every figure is of the server's settings, which the first line has.
record_figure() {
    printf '{"part": %s, "what": %s, "unit": %s, "median": %s, "min": %s, "max": %s, "runs": %s, "target": %s, "durability": %s}\n' \
        "$(json_text "${part:-}")" "$(json_text "$1")" "$(json_text "$2")" "$4" "$5" "$6" "$7" "$(json_text "$3")" "$(json_text "${durability:-}")" >>"$out/figures.jsonl"
}

# figure WHAT UNIT TARGET < values: one line of the report.
figure() {
    local values median least greatest
    values=$(cat)
    [ -n "$values" ] || die "no value was measured: $1"
    read -r median least greatest < <(spread <<<"$values")
    record_figure "$1" "$2" "${3:-}" "$median" "$least" "$greatest" "$(wc -l <<<"$values")"
    awk -v what="$1" -v unit="$2" -v target="${3:-}" -v a="$median" -v b="$least" -v c="$greatest" '
        function show(x) { return x >= 1000 ? sprintf("%d", x) : x >= 10 ? sprintf("%.1f", x) : sprintf("%.3f", x) }
        BEGIN { printf "  %-58s %9s %-7s (%s - %s)%s\n", what, show(a), unit, show(b), show(c), target == "" ? "" : "   target " target }'
}

note() { printf '  %-58s %s\n' "$1" "$2"; }

# compare WHAT VALUES VALUES TARGET: the ratio of the medians of two figures of the same part.
compare() {
    local of
    of=$(ratio "$2" "$3")
    record_figure "$1" ratio "${4:-}" "$of" "$of" "$of" 1
    note "    $1" "$of${4:+   target $4}"
}

section() { printf '\n%s\n' "$*"; }

ratio() { awk -v a="$(spread <<<"$1" | cut -d' ' -f1)" -v b="$(spread <<<"$2" | cut -d' ' -f1)" 'BEGIN { printf "%.2f", a / b }'; }

# A new server creates its WAL files as it goes, one that has run for a while uses old ones again: that is measured.
# age_wal FILES: so many files of 16 MB are created and are there to be used again.
age_wal() {
    local i
    for ((i = 0; i < ${1:-48}; i++)); do
        printf '%s\n' "SELECT pg_logical_emit_message(false, 'bench', ''), pg_switch_wal();"
    done | sql >/dev/null
    sql -c "CHECKPOINT"
}

# What waits is worked off and the engine stopped: every run starts from the same empty tables.
clean_up() {
    sql -c "SELECT foreman.start()" -c "CALL bench.wait_drained(120)" >/dev/null
    sql -c "SELECT foreman.stop()" -c "CALL bench.wait_workers(0)" >/dev/null
    sql -c "TRUNCATE foreman.job_history, bench.side, bench.plain, bench.one_row" -c "VACUUM foreman.live_job" -c "CHECKPOINT"
    await_quiet
}

# CPU seconds that the machine, and that everything but this server and its clients, have used.
cpu_used() {
    # Processes come and go while they are listed: what cannot be read any more is left out.
    { head -n 1 /proc/stat && { cat /proc/[0-9]*/stat 2>/dev/null || true; }; } |
        awk -v server="$(head -n 1 "$PGDATA/postmaster.pid")" -v mine=$$ '
            NR == 1 { busy = $2 + $3 + $4 + $7 + $8; next }
            {
                pid = $1; sub(/^.*\) /, ""); split($0, f, " ")
                if (pid == server || pid == mine) ours += f[12] + f[13] + f[14] + f[15]
                else if (f[2] == server || f[2] == mine) ours += f[12] + f[13]
            }
            END { print busy / 100, (busy - ours) / 100 }'
}

# Waits until others use less than a quarter of a core, BENCH_PATIENCE seconds at most.
await_quiet() {
    local end=$((SECONDS + ${BENCH_PATIENCE:-10})) before
    while [ $SECONDS -lt $end ]; do
        before=$(cpu_used)
        sleep 0.4
        awk -v a="$before" -v b="$(cpu_used)" 'BEGIN { split(a, x, " "); split(b, y, " "); exit !(y[2] - x[2] < 0.1) }' && break
    done
    return 0
}

# Prints how many cores others used while "$@" ran.
with_noise() {
    local before after t0=$EPOCHREALTIME
    before=$(cpu_used)
    "$@"
    after=$(cpu_used)
    awk -v a="$before" -v b="$after" -v s="$(awk -v x="$t0" -v y="$EPOCHREALTIME" 'BEGIN { print y - x }')" 'BEGIN {
        split(a, x, " "); split(b, y, " ")
        printf "  (%.0f s; %.2f cores busy on average, %.2f of them by others)\n", s, (y[1] - x[1]) / s, (y[2] - x[2]) / s }'
}
