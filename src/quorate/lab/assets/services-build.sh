# Makes the services image out of Debian packages: everything the lab runs is in
# this one image, so that a node fetches one layer for all of it.
#
# The packages are unpacked, not installed: their scripts would create clusters,
# users and units that a container has no use for, and take most of the time.

apt-get update -q > /dev/null
apt-get install -y -q --download-only --no-install-recommends \
    bash caddy curl docker-registry haproxy mariadb-client mariadb-server memcached \
    netcat-openbsd nginx openssl postgresql-17 procps prometheus prometheus-alertmanager \
    prometheus-blackbox-exporter prometheus-node-exporter prometheus-pushgateway \
    python3-minimal libpython3-stdlib redis-server redis-tools wget zstd > /dev/null

# Compilers of queries, scripting for packagers, translations, old web pages, and
# tools nobody calls in a lab: more than half of the bytes.
cat > /tmp/unwanted <<'END'
./etc/cron*
./etc/init.d
./etc/logrotate.d
./etc/mysql/debian*
./usr/bin/amtool
./usr/bin/aria_*
./usr/bin/galera*
./usr/bin/innochecksum
./usr/bin/mariadb-binlog
./usr/bin/mariadb-conv
./usr/bin/mariadb-import
./usr/bin/mariadb-plugin
./usr/bin/mariadb-show
./usr/bin/mariadb-slap
./usr/bin/mariadb-tzinfo-to-sql
./usr/bin/mariadb-waitpid
./usr/bin/mariadb-check
./usr/bin/mariadb-upgrade
./usr/bin/mariadbd-safe-helper
./usr/bin/myisam*
./usr/bin/perror
./usr/bin/replace
./usr/bin/redis-benchmark
./usr/bin/resolve_stack_dump
./usr/lib/postgresql/17/lib/bitcode
./usr/lib/postgresql/17/lib/llvmjit*
./usr/lib/python3.13/ensurepip
./usr/lib/python3.13/idlelib
./usr/lib/python3.13/lib-dynload/_test*
./usr/lib/python3.13/pydoc_data
./usr/lib/python3.13/turtle*
./usr/lib/systemd
./usr/share/apport
./usr/share/bash-completion
./usr/share/doc
./usr/share/fish
./usr/share/info
./usr/share/lintian
./usr/share/locale
./usr/share/man
./usr/share/vim
./usr/share/zsh
END
cd /var/cache/apt/archives
rm -f adduser_* debconf* fonts-* galera-4_* gawk_* iproute2_* javascript-common_* lib*-perl_* \
    libbpf* libjs-* libc-l10n_* libllvm* libperl* liblsof* libz3* locales* lsof_* perl*_* promtool_* \
    postgresql-client-common_* postgresql-common* psmisc_* rsync_* sensible-utils_* socat_* ucf_*
cat > /tmp/unpack <<'END'
set -e
dpkg-deb --fsys-tarfile "$1" > "$1.tar"
tar -x -C / -f "$1.tar" --keep-directory-symlink --exclude-from=/tmp/unwanted
rm "$1.tar"
END
ls -S *.deb | xargs -P 2 -n 1 sh /tmp/unpack
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/debconf/* /var/log/* /tmp/unwanted /tmp/unpack
ldconfig

for name in postgres mysql redis nginx haproxy memcached; do
    groupadd --system "$name" && useradd --system --gid "$name" --no-create-home "$name"
done
usermod --home /var/lib/postgresql postgres
ln -sf /usr/lib/postgresql/17/bin/* /usr/local/bin/
ln -sf mariadbd /usr/sbin/mysqld
ln -sf nc.openbsd /usr/bin/nc
ln -sf python3.13 /usr/bin/python3
for name in alertmanager blackbox-exporter node-exporter pushgateway; do
    ln -sf "/usr/bin/prometheus-$name" "/usr/local/bin/$(echo $name | tr - _)"
done
ln -sf node_exporter /usr/local/bin/node-exporter
ln -sf /usr/bin/docker-registry /usr/local/bin/registry

install -d /usr/local/lib/quorate
for file in "$BUILD"/*.sh "$BUILD"/*.py; do
    install -m 755 "$file" "/usr/local/lib/quorate/$(basename "$file")"
done
ln -s /usr/local/lib/quorate/mariadb-health.sh /usr/local/bin/healthcheck.sh
ln -s /usr/local/lib/quorate/wget.sh /usr/local/bin/wget
for name in gitlab-backup gitlab-ctl gitlab-rake gitlab-standin; do
    ln -s /usr/local/lib/quorate/gitlab_standin.py "/usr/local/bin/$name"
done
sh -eu "$BUILD/services-configure.sh"

# A certificate for stand-ins asked over TLS: nobody trusts it, nobody should.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
    -subj /CN=stand-in -keyout /tmp/key -out /tmp/certificate 2> /dev/null
cat /tmp/key /tmp/certificate > /usr/local/lib/quorate/standin.pem
chmod 644 /usr/local/lib/quorate/standin.pem
rm /tmp/key /tmp/certificate

# Compiled once here rather than at every start of every container.
python3 -m compileall -q -j 2 -s / /usr/lib/python3.13 > /dev/null || true
