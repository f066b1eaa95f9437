# Sourced by every script under test/ and demo/: where things are, and who runs servers.
# Nothing here has an effect beyond variables and functions.
# shellcheck shell=bash

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
build=$root/build
logs=$build/log
PG_CONFIG=${PG_CONFIG:-pg_config}

# Of the make that called us keep its variables (PG_CONFIG=..., CXX=...), not its job slots.
case "${MAKEFLAGS:-}" in
    *"-- "*) MAKEFLAGS="-- ${MAKEFLAGS#*-- }" ;;
    *) MAKEFLAGS= ;;
esac
export MAKEFLAGS PG_CONFIG
unset MFLAGS MAKELEVEL

# Nothing of the caller's session may choose another server or another output format.
unset PGSERVICE PGSERVICEFILE PGOPTIONS PGPASSFILE PGPASSWORD PGSSLMODE PGHOSTADDR PGDATABASE
unset PGTZ PGDATESTYLE PGCLIENTENCODING PGAPPNAME PSQL_PAGER PAGER
export LC_ALL=C.UTF-8 PSQLRC=/dev/null

say() { printf '%s\n' "$*"; }
complain() { printf '%s\n' "$*" >&2; }
die() {
    complain "$*"
    exit 1
}

pg_dir() { "$PG_CONFIG" "--$1"; }
pg_major() { "$PG_CONFIG" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/'; }
# Where PGXS keeps pg_regress, pg_isolation_regress and the Perl modules.
pg_test_dir() { (cd "$(dirname "$(pg_dir pgxs)")/../test" && pwd -P); }

# Servers refuse to run as root: then they belong to the account that the package made.
server_account() {
    if [ "$(id -u)" -eq 0 ]; then
        printf '%s\n' "${FOREMAN_SERVER_ACCOUNT:-postgres}"
    else
        id -un
    fi
}

# Runs a command as that account, from a directory that it can enter.
as_server() {
    if [ "$(id -u)" -eq 0 ]; then
        (cd / && exec runuser -u "$(server_account)" -- env HOME=/nonexistent "$@")
    else
        (cd / && exec "$@")
    fi
}

# Runs a command as root, for packages and for the server's own directories.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "this needs root, and there is no sudo: $*"
    fi
}

# A new directory in /tmp for the server's account (a socket's path must stay short, and the
# account may be unable to enter the clone). It is recorded, so that `make clean` finds it.
scratch_dir() {
    local dir
    dir=$(mktemp -d "/tmp/pg_foreman.$1.XXXXXX")
    mkdir -p "$build"
    printf '%s\n' "$dir" >>"$build/scratch"
    if [ "$(id -u)" -eq 0 ]; then
        chown "$(server_account)": "$dir"
    fi
    printf '%s\n' "$dir"
}

# Removes what scratch_dir made, and nothing else.
drop_scratch() {
    case "$1" in
        /tmp/pg_foreman.*) rm -rf -- "$1" ;;
        *) die "not a scratch directory: $1" ;;
    esac
    if [ -f "$build/scratch" ]; then
        grep -vxF -- "$1" "$build/scratch" >"$build/scratch.new" || true
        mv -f "$build/scratch.new" "$build/scratch"
    fi
}
