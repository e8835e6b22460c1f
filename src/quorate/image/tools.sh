# Installs what backup work runs: `sh tools.sh FILE…`, each a list of Debian packages.
# POSTGRES_MAJORS names majors of Postgres beside Debian's own, from the project's packages.
set -eu
export DEBIAN_FRONTEND=noninteractive

# No package may start a server while an image is being built.
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d

apt-get update -q
# No cluster is made at the installation: servers for proofs make their own.
mkdir -p /etc/postgresql-common
echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf
cat "$@" | xargs apt-get install -y -q --no-install-recommends
if [ -n "${POSTGRES_MAJORS:-}" ]; then
    apt-get install -y -q --no-install-recommends postgresql-common
    /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y
    for major in $POSTGRES_MAJORS; do
        apt-get install -y -q --no-install-recommends "postgresql-$major" "postgresql-client-$major"
    done
fi
apt-get clean
rm -rf /var/lib/apt/lists/* /var/log/*.log /var/lib/mysql/* /usr/sbin/policy-rc.d
