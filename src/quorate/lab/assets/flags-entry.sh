#!/bin/sh
# First process of Prometheus and its like. Debian's version may be another than the
# one asked for: a flag it does not know is left out and named, not fatal. Where
# Debian changed a default, $QUORATE_DEFAULTS has upstream's.
set -e
program=$1
shift
for default in $QUORATE_DEFAULTS; do
    case " $* " in
        *" ${default%%=*}="* | *" ${default%%=*} "*) ;;
        *) set -- "$@" "$default" ;;
    esac
done
known=$("$program" --help 2>&1 || true)
count=$#
while [ "$count" -gt 0 ]; do
    flag=$1
    shift
    count=$((count - 1))
    name=${flag%%=*}
    bare=${name#--}
    bare=${bare#no-}
    case "$flag" in
        --*)
            case "$known" in
                *"--$bare"* | *"--[no-]$bare"*) set -- "$@" "$flag" ;;
                *) echo "quorate lab: $program of Debian has no $name: left out" >&2 ;;
            esac
            ;;
        *) set -- "$@" "$flag" ;;
    esac
done
exec "$program" "$@"
