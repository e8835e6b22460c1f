#!/usr/bin/env bash
# Installs Debian or Ubuntu packages that are not there yet: scripts/packages.sh NAME...
# Says nothing when there is nothing to do. Needs root or sudo only when there is.
set -euo pipefail

fail() {
    printf 'packages: error: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '  %s\n' "$line" >&2; done
    exit 6
}

installed() { [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

command -v dpkg-query >/dev/null ||
    fail "this is neither Debian nor Ubuntu" "what to do: install these by hand: $*"

missing=()
look() {
    missing=()
    for package in "$@"; do
        installed "$package" || missing+=("$package")
    done
}

look "$@"
[ "${#missing[@]}" -gt 0 ] || exit 0

# One at a time: tests that run side by side each install what they need.
lock=${TMPDIR:-/tmp}/quorate-packages.$(id -u).lock
exec 9>"$lock"
flock 9
look "$@"
[ "${#missing[@]}" -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null ||
        fail "installing ${missing[*]} needs root, and there is no sudo" \
            "what to do: as root: apt-get install ${missing[*]}"
    as_root=(sudo)
fi

printf 'packages: installing %s\n' "${missing[*]}"
quiet=(-qq -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300)
# A service that is started must not keep the lock.
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get "${quiet[@]}" "$@" 9>&-; }
apt update || printf 'packages: the package lists could not be refreshed; trying with what is there\n' >&2
apt install --yes --no-install-recommends "${missing[@]}" >/dev/null ||
    fail "apt-get could not install ${missing[*]} (see above)" \
        "likely cause: no network, or a package mirror that does not answer" \
        "what to do: make \`apt-get install ${missing[*]}\` work, then retry"
