#!/bin/bash
# First process of the MariaDB image: the settings and files of the official one,
# under their MARIADB_ names or the older MYSQL_ ones.
set -euo pipefail

# `setting NAME`: MARIADB_NAME, MYSQL_NAME, or what the file of either's _FILE holds.
setting() {
    local prefix name file
    for prefix in MARIADB MYSQL; do
        name=${prefix}_$1 file=${prefix}_$1_FILE
        if [ -n "${!file:-}" ]; then printf '%s' "$(< "${!file}")"; return; fi
        if [ -n "${!name:-}" ]; then printf '%s' "${!name}"; return; fi
    done
}
quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/[\\\\']/\\\\&/g")"; }

[ "${1:0:1}" != - ] || set -- mariadbd "$@"
case "${1:-}" in mariadbd | mysqld) ;; *) exec "$@" ;; esac

data=/var/lib/mysql
if [ "$(id -u)" = 0 ]; then
    chown -R mysql "$data" /run/mysqld
    exec setpriv --reuid=mysql --regid=mysql --init-groups "$0" "$@"
fi

if [ ! -d "$data/mysql" ]; then
    root=$(setting ROOT_PASSWORD)
    if [ -z "$root" ] && [ -z "$(setting RANDOM_ROOT_PASSWORD)" ] &&
        [ -z "$(setting ALLOW_EMPTY_ROOT_PASSWORD)$(setting ALLOW_EMPTY_PASSWORD)" ]; then
        echo "error: MARIADB_ROOT_PASSWORD (or its _FILE, or ALLOW_EMPTY_…) must be set" >&2
        exit 1
    fi
    [ -z "$(setting RANDOM_ROOT_PASSWORD)" ] || root=$(head -c 18 /dev/urandom | base64)
    mariadb-install-db --datadir="$data" --auth-root-authentication-method=normal \
        --skip-test-db --skip-log-bin > /dev/null
    mariadbd --datadir="$data" --skip-networking --skip-log-bin &
    server=$!
    until mariadb-admin --silent ping 2> /dev/null; do
        kill -0 "$server" || exit 1
        sleep 0.1
    done
    database=$(setting DATABASE) user=$(setting USER) password=$(setting PASSWORD)
    {
        [ -z "$database" ] || echo "CREATE DATABASE IF NOT EXISTS \`$database\`;"
        if [ -n "$user" ]; then
            echo "CREATE USER $(quoted "$user")@'%' IDENTIFIED BY $(quoted "$password");"
            [ -z "$database" ] ||
                echo "GRANT ALL ON \`${database//_/\\_}\`.* TO $(quoted "$user")@'%';"
        fi
        echo "CREATE USER healthcheck@localhost; GRANT USAGE ON *.* TO healthcheck@localhost;"
        echo "DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost';"
        echo "FLUSH PRIVILEGES;"
        echo "CREATE USER root@'%' IDENTIFIED BY $(quoted "$root");"
        echo "GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;"
    } | mariadb -u root
    for file in /docker-entrypoint-initdb.d/*; do
        case "$file" in
            *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
            *.sql) mariadb -u root ${database:+"$database"} < "$file" ;;
            *.sql.gz) gunzip -c "$file" | mariadb -u root ${database:+"$database"} ;;
        esac
    done
    mariadb -u root <<< "ALTER USER root@localhost IDENTIFIED BY $(quoted "$root");"
    kill "$server"
    wait "$server"
fi
exec "$@"
