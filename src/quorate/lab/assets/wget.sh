#!/bin/sh
# wget as the small images have it (busybox): `--spider` asks with GET, where GNU's
# asks with HEAD, which some health pages refuse.
count=$#
while [ "$count" -gt 0 ]; do
    case "$1" in
        --spider | -s) set -- "$@" -O /dev/null ;;
        *) set -- "$@" "$1" ;;
    esac
    shift
    count=$((count - 1))
done
exec /usr/bin/wget "$@"
