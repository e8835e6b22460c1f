#!/bin/sh
# First process of the Redis image: drops root, takes flags or a configuration file alone.
set -e
case "${1:-}" in -* | *.conf) set -- redis-server "$@" ;; esac
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
    chown -R redis .
    exec setpriv --reuid=redis --regid=redis --init-groups "$0" "$@"
fi
if [ "$1" = redis-server ]; then
    # As in the official image: reachable from other containers without a password.
    exec "$@" --protected-mode no
fi
exec "$@"
