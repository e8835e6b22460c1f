"""What preflight asks of each server: one call to its engine, one short script over ssh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Interface
from typing import TYPE_CHECKING, Any

from quorate.deploy.swarm_state import Membership, membership, usable_interface
from quorate.errors import MachineError
from quorate.fleet.model import Server
from quorate.observe.targets import target_of
from quorate.tools import clock, docker, ssh

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

SCRIPT_SECONDS = 30.0
CONNECT_SECONDS = 3
OPEN, REFUSED, BLOCKED = "open", "refused", "blocked"

# Arguments: the engine's data root. Prints `key value` lines; what a server
# cannot tell (a missing program) is simply not printed.
SCRIPT = r"""
echo "clock $(date +%s.%N)"
df -Pk -- "$1" 2>/dev/null | awk 'NR==2 {print "disk", $2, $4}'
ip -o -4 addr show scope global 2>/dev/null | while read -r _ device _ address _; do
  echo "net $device $address $(cat "/sys/class/net/$device/mtu" 2>/dev/null)"
done
has() {
  [ -e "$2" ] || modprobe -nq "$1" 2>/dev/null ||
    grep -qs "/$1.ko" "/lib/modules/$(uname -r)/modules.builtin"
}
has ip_vs /proc/net/ip_vs && echo "kernel ip_vs"
has esp4 /nonexistent && echo "kernel esp"
[ -d "/lib/modules/$(uname -r)" ] && echo "kernel known"
exit 0
"""

# Arguments: address:port pairs. A refusal says that packets arrive and nothing
# listens; silence, or an ICMP "prohibited", says that a firewall is between.
PORTS = r"""
for pair in "$@"; do (
  said=$(timeout "$LIMIT" bash -c 'exec 3<>"/dev/tcp/${1%:*}/${1##*:}"' _ "$pair" 2>&1)
  if [ $? -eq 0 ]; then echo "$pair open"
  elif echo "$said" | grep -q refused; then echo "$pair refused"
  else echo "$pair blocked"; fi
) & done
wait
"""


@dataclass(frozen=True, kw_only=True)
class ServerFacts:
    """One server as it is. Sizes in bytes, times in seconds; None where it could not be told.

    `clock_offset` is its clock minus this machine's, known to `clock_error`.
    `mtu` maps its addresses to the MTU of their interface; `interfaces` leaves
    Docker's own out.
    """

    server: str
    host_name: str = ""
    engine: str = ""
    cpus: int = 0
    memory: int = 0
    data_root: str = ""
    live_restore: bool = False
    swarm: Membership
    clock_offset: float | None = None
    clock_error: float = 0.0
    disk_size: int | None = None
    disk_free: int | None = None
    mtu: Mapping[str, int] = field(default_factory=dict)
    interfaces: tuple[IPv4Interface, ...] = ()
    kernel: frozenset[str] = frozenset()


def gather_facts(server: Server, client: DockerClient) -> ServerFacts:
    """Ask one server.

    Raises:
        UnreachableError, EngineError: it does not answer.
    """
    with docker.translated(f"the Docker engine on {server.name} does not answer"):
        info = client.api.info()
    facts: dict[str, Any] = {
        "server": server.name,
        "host_name": str(info.get("Name") or ""),
        "engine": str(info.get("ServerVersion") or ""),
        "cpus": int(info.get("NCPU") or 0),
        "memory": int(info.get("MemTotal") or 0),
        "data_root": str(info.get("DockerRootDir") or "/var/lib/docker"),
        "live_restore": bool(info.get("LiveRestoreEnabled")),
        "swarm": membership(server.name, info.get("Swarm") or {}),
    }
    before = clock.now().timestamp()
    argv = ["sh", "-c", SCRIPT, "sh", facts["data_root"]]
    done = ssh.run(target_of(server), argv, timeout=SCRIPT_SECONDS, check=False)
    return ServerFacts(**facts, **parse_facts(done.stdout, before, clock.now().timestamp()))


def parse_facts(text: str, before: float, after: float) -> dict[str, Any]:
    """The script's output as fields of ServerFacts; its clock was read between the two times."""
    found: dict[str, Any] = {"mtu": {}, "interfaces": (), "kernel": set()}
    for line in text.splitlines():
        match line.split():
            case ["clock", moment] if _is_number(moment):
                found["clock_offset"] = float(moment) - (before + after) / 2
                found["clock_error"] = (after - before) / 2
            case ["disk", size, free] if size.isdigit() and free.isdigit():
                found |= {"disk_size": int(size) * 1024, "disk_free": int(free) * 1024}
            case ["net", device, address, mtu] if mtu.isdigit():
                found["mtu"][address.partition("/")[0]] = int(mtu)
                found["interfaces"] += usable_interface(device, address)
            case ["kernel", feature]:
                found["kernel"].add(feature)
    return {**found, "kernel": frozenset(found["kernel"])}


def try_ports(server: Server, pairs: Sequence[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """Connect from a server to others; (address, port) → open, refused or blocked.

    Pairs that could not be tried (no bash there) are left out.
    """
    if not pairs:
        return {}
    script = PORTS.replace("$LIMIT", str(CONNECT_SECONDS))
    argv = ["bash", "-c", script, "bash", *(f"{address}:{port}" for address, port in pairs)]
    try:
        done = ssh.run(target_of(server), argv, timeout=SCRIPT_SECONDS, check=False)
    except MachineError:
        return {}
    return parse_ports(done.stdout)


def parse_ports(text: str) -> dict[tuple[str, int], str]:
    """The output of the port script."""
    out = {}
    for line in text.splitlines():
        pair, _, result = line.partition(" ")
        address, _, port = pair.rpartition(":")
        if port.isdigit() and result in (OPEN, REFUSED, BLOCKED):
            out[(address, int(port))] = result
    return out


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
