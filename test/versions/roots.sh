# Sourced by the scripts of this directory: root file systems of Debian releases, made under build/roots by debootstrap from
# the mirror that this machine's own apt sources name. Each needs about 2 GB, root, and the right to make namespaces.
# shellcheck shell=bash

[ "$(id -u)" -eq 0 ] || die "root file systems need root: sudo make $1"
"$root/test/lib/setup" versions

mirror=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
    sed -n 's/^Debian|Debian|//p' | sort -u | sed -n 1p)
[ -n "$mirror" ] || die "the apt sources of this machine name no Debian mirror"
mkdir -p "$build/roots"

make_root() {
    local release=$1 dir=$2
    [ ! -e "$dir/.complete" ] || return 0
    say "$release: making a root file system"
    rm -rf --one-file-system "$dir"
    debootstrap --variant=minbase --include=make "$release" "$dir" "$mirror"
    # Nothing that a package brings may start in there.
    printf '#!/bin/sh\nexit 101\n' >"$dir/usr/sbin/policy-rc.d"
    chmod +x "$dir/usr/sbin/policy-rc.d"
    # A mirror may lag behind the release file's date, which matters little for a test.
    printf 'Acquire::Check-Valid-Until "false";\n' >"$dir/etc/apt/apt.conf.d/90pg_foreman"
    touch "$dir/.complete"
}

# Runs a command in a root, in new mount and process namespaces: when the shell in them ends, everything in them does.
# in_root DIRECTORY COMMAND [ARGUMENT...]
in_root() {
    local dir=$1 trusted=
    shift
    cp /etc/resolv.conf "$dir/etc/resolv.conf"
    # Where this machine has npm trust certificates of its own, so does the one in there.
    if [ -e "${NODE_EXTRA_CA_CERTS:-}" ]; then
        trusted=/srv/certificates.pem
        cp "$NODE_EXTRA_CA_CERTS" "$dir$trusted"
    fi
    # shellcheck disable=SC2016
    trusted=$trusted unshare --mount --pid --fork --kill-child bash -c '
        dir=$0
        mount -t proc proc "$dir/proc" && mkdir -p "$dir/dev/shm" && mount -t tmpfs tmpfs "$dir/dev/shm" &&
        chroot "$dir" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
            HOME=/tmp http_proxy="${http_proxy:-}" ${trusted:+NODE_EXTRA_CA_CERTS="$trusted"} "$@"
        exit $?' "$dir" "$@"
}
