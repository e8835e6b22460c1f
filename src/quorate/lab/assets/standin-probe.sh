#!/bin/sh
# Health check of a stand-in under whatever name the real image's check has:
# every port must really answer, and a web page must be a good one.
[ "${STANDIN_MODE:-ok}" = ok ] || exit 1
for entry in $(echo "${STANDIN_PORTS:-}" | tr , ' '); do
    case "$entry" in
        */udp) ;;
        22 | 25 | 110 | 143 | 465 | 587 | 4190) nc -z -w 3 127.0.0.1 "$entry" || exit 1 ;;
        *) curl -fsS -o /dev/null -m 3 "http://127.0.0.1:$entry/" || exit 1 ;;
    esac
done
grep -q standin /proc/1/cmdline
