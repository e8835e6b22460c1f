#!/bin/bash
# First process of the Postgres image: the settings and files of the official one.
set -euo pipefail

# `file_setting NAME [default]`: the value of NAME, or what the file NAME_FILE holds.
file_setting() {
    local name=$1 file=$1_FILE
    if [ -n "${!name:-}" ] && [ -n "${!file:-}" ]; then
        echo "error: both $name and $file are set" >&2
        exit 1
    fi
    if [ -n "${!file:-}" ]; then printf '%s' "$(< "${!file}")"; else printf '%s' "${!name:-${2:-}}"; fi
}

[ "${1:0:1}" != - ] || set -- postgres "$@"
[ "${1:-}" = postgres ] || exec "$@"

if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA"
    chown -R postgres "$PGDATA" /var/run/postgresql
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
export HOME=/var/lib/postgresql

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    password=$(file_setting POSTGRES_PASSWORD)
    user=$(file_setting POSTGRES_USER postgres)
    database=$(file_setting POSTGRES_DB "$user")
    method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    if [ -z "$password" ] && [ "$method" != trust ]; then
        echo "error: POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE must be set" >&2
        exit 1
    fi
    mkdir -p "$PGDATA" && chmod 700 "$PGDATA"
    # shellcheck disable=SC2086 # several arguments in one variable, as the official image has it
    initdb -D "$PGDATA" --username="$user" --pwfile=<(printf '%s\n' "$password") \
        --auth-local=trust --auth-host=trust --locale=C.UTF-8 --encoding=UTF8 \
        ${POSTGRES_INITDB_ARGS:-}
    printf "\nhost all all all %s\n" "$method" >> "$PGDATA/pg_hba.conf"
    sed -i "s/^#*listen_addresses.*/listen_addresses = '*'/; s/^#*jit = .*/jit = off/" \
        "$PGDATA/postgresql.conf"
    # Only through the socket until everything is there: nobody sees half a database.
    pg_ctl -D "$PGDATA" -w -o "-c listen_addresses='' -p 5432" start
    run_sql() { psql -v ON_ERROR_STOP=1 --no-password --username "$user" "$@"; }
    if [ "$database" != postgres ]; then
        run_sql --dbname postgres -v name="$database" <<< 'CREATE DATABASE :"name";'
    fi
    export POSTGRES_USER=$user POSTGRES_DB=$database
    for file in /docker-entrypoint-initdb.d/*; do
        case "$file" in
            *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
            *.sql) run_sql --dbname "$database" -f "$file" ;;
            *.sql.gz) gunzip -c "$file" | run_sql --dbname "$database" ;;
            *.sql.zst) zstd -dc "$file" | run_sql --dbname "$database" ;;
        esac
    done
    pg_ctl -D "$PGDATA" -m fast -w stop
fi
unset POSTGRES_PASSWORD
exec "$@"
