# Sourced by every test/<suite>/run. A suite prints its log, ends with `result PASSED FAILED`,
# and starts its server, if it wants one, under its own name: test/run removes that afterwards.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

suite=$(basename "$(cd "$(dirname "$0")" && pwd)")
out=$logs/$suite
mkdir -p "$out"

# The last line of the log, which test/run reads.
result() {
    say "result: $1 passed, $2 failed"
    [ "$2" -eq 0 ]
}

skip() {
    say "$*"
    say "result: skipped"
    exit 0
}

# The names in test/<suite>/schedule, one a line; every one must have its file DIR/NAME.EXT.
scheduled() {
    local dir=$1 ext=$2 list=$root/test/$suite/schedule name
    [ -f "$list" ] || return 0
    sed -e 's/#.*//' "$list" | tr -s ' \t' '\n' | sed -e '/^$/d' | while read -r name; do
        [ -f "$root/$dir/$name.$ext" ] || die "test/$suite/schedule names $name, but there is no $dir/$name.$ext"
        say "$name"
    done
}

# A fresh server with test/lib/test.conf and the suite's own server.conf; exports PGHOST and so on.
own_server() {
    local conf=("$root/test/lib/test.conf")
    if [ -f "$root/test/$suite/server.conf" ]; then
        conf+=("$root/test/$suite/server.conf")
    fi
    "$root/test/lib/server" fresh "$suite" "${conf[@]}"
    eval "$("$root/test/lib/server" env "$suite")"
}

# pg_regress and its isolation sibling: one line per test, in the form of 15 or in TAP since 16.
count_regress() {
    local passed failed
    passed=$(grep -cE '^(ok [0-9]+ |test .* \.\.\. ok|     .* \.\.\. ok)' "$1" || true)
    failed=$(grep -cE '^(not ok [0-9]+ |.* \.\.\. (FAILED|failed))' "$1" || true)
    if [ "$2" -ne 0 ] && [ "$failed" -eq 0 ]; then
        failed=1
    fi
    result "$passed" "$failed"
}

# What `prove --verbose` printed: one line per assertion.
count_tap() {
    local passed failed
    passed=$(grep -cE '^ok [0-9]+' "$1" || true)
    failed=$(grep -E '^not ok [0-9]+' "$1" | grep -cvE '# TODO' || true)
    if [ "$2" -ne 0 ] && [ "$failed" -eq 0 ]; then
        failed=1
    fi
    result "$passed" "$failed"
}

# What git would commit, over what the last run built.
copy_sources() {
    local to=$1
    mkdir -p "$to"
    find "$to" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
    (cd "$root" && . test/lint/lib.sh && all_files | tar -cf - -T -) | tar -xf - -C "$to"
}

# The sum at the end of a log of make test, as "PASSED FAILED"; one has failed where the run says so and its sum does not.
#   sum_of LOG STATUS
sum_of() {
    local passed=0 failed=0
    read -r passed _ failed _ < <(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$1" | tail -n 1) || true
    if [ "$2" -ne 0 ] && [ "${failed:-0}" -eq 0 ]; then
        failed=1
    fi
    say "${passed:-0} ${failed:-0}"
}
