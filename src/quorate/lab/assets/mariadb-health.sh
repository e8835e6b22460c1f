#!/bin/sh
# The check of the official MariaDB image, as far as people use it:
# `healthcheck.sh --connect --innodb_initialized`. Fails unless each thing asked holds.
ask() { mariadb --protocol=tcp -h 127.0.0.1 -u healthcheck --skip-column-names -e "$1" 2> /dev/null ||
    mariadb -u healthcheck --skip-column-names -e "$1"; }
[ $# -gt 0 ] || set -- --connect
for wanted in "$@"; do
    case "$wanted" in
        --connect) nc -z -w 3 127.0.0.1 3306 && ask 'SELECT 1' > /dev/null || exit 1 ;;
        --innodb_initialized) [ "$(ask "SELECT COUNT(*) > 0 FROM information_schema.ENGINES \
            WHERE ENGINE = 'InnoDB' AND SUPPORT IN ('YES', 'DEFAULT')")" = 1 ] || exit 1 ;;
    esac
done
