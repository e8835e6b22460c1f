"""What is run on a bare machine, as root: Docker from its packages, its wall opened. Pure."""

from __future__ import annotations

from collections.abc import Iterable

INSTALL_SECONDS, WALL_SECONDS = 900.0, 60.0
LOCKED_SECONDS = 300
"""How long another user of apt is waited for: a new machine upgrades itself at its first start."""

_INSTALL = """
set -e
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
patiently() {
    for _ in $(seq $((LOCKED / 2))); do
        if said=$("$@" 2>&1); then return 0; fi
        case "$said" in
            *"get lock"* | *"to lock"* | *"locked by"*) sleep 2 ;;
            *) break ;;
        esac
    done
    printf "%s\\n" "$said" >&2
    return 1
}
# A run that was cut off may have left dockerd without all that belongs to it, or go on by itself.
half=
state=$(dpkg-query -W -f '${db:Status-Status}' docker.io 2> /dev/null || true)
case "$state" in
    "" | installed | not-installed | config-files) ;;
    *) half=yes ;;
esac
if [ -n "$half" ] || ! command -v dockerd > /dev/null 2>&1; then
    patiently dpkg --configure -a
    patiently apt-get update -q
    packages=docker.io
    if apt-cache show docker-cli > /dev/null 2>&1; then packages="$packages docker-cli"; fi
    patiently apt-get install -y -q $packages
fi
if command -v systemctl > /dev/null 2>&1 && [ -d /run/systemd/system ]; then
    systemctl enable --now docker.service
else
    service docker start
fi
if [ -n "USER" ] && [ "USER" != root ]; then usermod -aG docker "USER"; fi
for _ in $(seq 60); do
    if docker version > /dev/null 2>&1; then exit 0; fi
    sleep 1
done
echo "the engine does not answer a minute after its start" >&2
exit 1
"""
_WALL = """
set -e
for address in ADDRESSES; do
    for rule in "tcp 2377" "tcp 7946" "udp 7946" "udp 4789"; do
        ufw allow proto "${rule% *}" from "$address" to any port "${rule#* }" > /dev/null
    done
    ufw allow proto esp from "$address" > /dev/null
done
"""


def install(user: str) -> str:
    """Install Docker where it is missing, start it, and let `user` (empty: root) reach it.

    Run again it does what is missing, whatever ended it before.
    """
    return _INSTALL.replace("USER", user).replace("LOCKED", str(LOCKED_SECONDS))


def wall(addresses: Iterable[str]) -> str:
    """Let these addresses reach Swarm's ports through ufw."""
    return _WALL.replace("ADDRESSES", " ".join(addresses))
