#!/usr/bin/env bash
# Makes .venv in the checkout: quorate (editable) and the development tools,
# every package at the version and hash of requirements/. Run it through
# `make setup`, which skips it when nothing changed.
#
# Needs a Python of at least 3.11 with the venv module; where there is none and
# this is Debian or Ubuntu, it is installed with apt-get.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly VENV=.venv
readonly PYTHONS=(python3 python3.14 python3.13 python3.12 python3.11)

say() { printf 'setup: %s\n' "$*"; }

fail() {
    printf 'setup: error: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '  %s\n' "$line" >&2; done
    exit 6
}

# The first Python that is new enough and can make a virtual environment.
find_python() {
    local candidate
    for candidate in "${PYTHONS[@]}"; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
            >/dev/null 2>&1; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# Debian 12 and 13 and Ubuntu 24.04 have a Python that is new enough as python3;
# Ubuntu 22.04 has 3.10 there and 3.11 beside it.
install_python() {
    scripts/packages.sh python3-venv
    find_python >/dev/null || scripts/packages.sh python3.11-venv
}

# What pip is configured to use, from its files and the environment: uv does not
# read them by itself. Only the main index is handed over, since uv does not mix
# indexes the way pip does.
pip_setting() {
    "$VENV/bin/python" -m pip config list 2>/dev/null |
        sed -n "s/^[^=]*\.$1='\(.*\)'\$/\1/p" | tail -n 1
}

configure_uv() {
    local index certificate
    index=$(pip_setting index-url)
    certificate=$(pip_setting cert)
    if [ -n "$index" ]; then export UV_DEFAULT_INDEX="$index"; fi
    if [ -n "$certificate" ]; then export SSL_CERT_FILE="${SSL_CERT_FILE:-$certificate}"; fi
    export UV_SYSTEM_CERTS=1 UV_NO_PROGRESS=1 UV_COMPILE_BYTECODE=1 VIRTUAL_ENV="$PWD/$VENV"
}

no_packages() {
    fail "the Python packages could not be installed (see above)" \
        "likely cause: no network, or a package index that pip's configuration does not name" \
        "what to do: make \`$VENV/bin/python -m pip download --no-deps uv\` work, then \`make setup\` again"
}

python=$(find_python) || { install_python; python=$(find_python); } ||
    fail "no Python of at least 3.11 with the venv module" \
        "what to do: install one (package python3-venv) and put it on PATH, then \`make setup\` again"

if ! "$VENV/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    say "making $VENV with $("$python" --version)"
    "$python" -m venv --clear "$VENV"
fi
"$VENV/bin/python" -m pip --version >/dev/null 2>&1 || "$VENV/bin/python" -m ensurepip >/dev/null

say "installing the packages of requirements/dev.txt"
"$VENV/bin/python" -m pip install -qq --disable-pip-version-check \
    --require-hashes --no-deps -r requirements/installer.txt || no_packages
configure_uv
# pip takes about half a minute where uv takes two seconds; but pip knows settings
# that uv does not (several indexes at once, say), so it has the last word.
"$VENV/bin/uv" pip install --quiet --require-hashes --no-deps -r requirements/dev.txt ||
    { say "uv could not; trying pip"; "$VENV/bin/python" -m pip install -qq \
        --disable-pip-version-check --require-hashes --no-deps -r requirements/dev.txt; } ||
    no_packages

say "installing quorate from this checkout"
"$VENV/bin/uv" pip install --quiet --no-deps --no-build-isolation --editable . || no_packages
touch "$VENV/.ready"
