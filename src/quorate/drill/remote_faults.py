"""What is run on real servers to make each fault, and to undo it: shell scripts. Pure.

The undo's steps set `failed=1` where something is left (`remote_lease.undo_script`), and change
nothing where nothing is. Why a reboot undoes each is said beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from shlex import join, quote

from quorate.drill.fault import NO_TABLE, TABLE, selectors
from quorate.drill.file import FaultEntry, Kind
from quorate.drill.remote_lease import PLACE

LABEL_DRAINED = "quorate.drill.availability"
"""On a node that a drill drained: its former availability."""

SERVICE_LABEL = "com.docker.swarm.service.name"
DROP_IN = "/run/systemd/system/docker.service.d/quorate-drill.conf"


@dataclass(frozen=True, kw_only=True)
class Victim:
    """A server that is hit, as the scripts need it.

    `node`: its id in the swarm. `far`: addresses of the servers it is parted from. `ssh_port`:
    where its sshd listens, which a partition spares. `service`: what stands still, by its name
    in Swarm. `fault`: of what is dropped, which ways and how much.
    """

    server: str
    node: str = ""
    far: tuple[str, ...] = ()
    ssh_port: int = 22
    service: str = ""
    fault: FaultEntry


@dataclass(frozen=True, kw_only=True)
class Ways:
    """How a fault is made and undone. `words`: what happens, for whoever must agree to it."""

    begin: Callable[[Victim], str]
    undo: Callable[[Victim], str]
    words: str


def _part(victim: Victim) -> str:
    """Packet rules are in the kernel's memory: a reboot takes them away."""
    port = victim.ssh_port
    chains = [_chain("arriving", "prerouting", f"tcp dport {port}", "saddr", victim)]
    if not victim.fault.one_way:
        chains.append(_chain("leaving", "postrouting", f"tcp sport {port}", "daddr", victim))
    table = f"table {TABLE} {{\n" + "".join(chains) + "}\n"
    return f"nft -f - <<'END'\n{NO_TABLE}{table}END\n"


def _chain(name: str, hook: str, spared: str, side: str, victim: Victim) -> str:
    families: dict[str, list[str]] = {"ip": [], "ip6": []}
    for address in victim.far:
        families["ip" if ip_address(address).version == 4 else "ip6"].append(address)
    drops = "".join(
        f"    {family} {side} {{ {', '.join(sorted(found))} }} {which}drop\n"
        for family, found in families.items()
        for which in selectors(victim.fault)
        if found
    )
    return (
        f"  chain {name} {{\n    type filter hook {hook} priority -300; policy accept;\n"
        f"    {spared} accept\n{drops}  }}\n"
    )


def _heal(victim: Victim) -> str:
    return f"nft -f - <<'END' || failed=1\n{NO_TABLE}END\n"


def _stop(victim: Victim) -> str:
    """A stopped unit is not a disabled one: a reboot starts it (that it is enabled is checked).

    Not waited for, as an engine takes as long to stop as its containers do.
    """
    return (
        "units=docker.service\n"
        'if systemctl is-active --quiet docker.socket; then units="docker.socket $units"; fi\n'
        "systemctl stop --no-block $units\n"
    )


def _kill(victim: Victim) -> str:
    """What keeps it from being started anew is in /run, which a reboot empties."""
    return (
        f"f={DROP_IN}\n"
        'mkdir -p "${f%/*}"\n'
        "printf '[Unit]\\nConditionPathExists=!%s\\n[Service]\\nRestart=no\\n' $f > $f\n"
        "systemctl daemon-reload\n"
        "p=$(systemctl show -p MainPID docker.service | cut -d= -f2)\n"
        '[ "$p" -gt 1 ] || { echo "docker.service has no process" >&2; exit 1; }\n'
        'kill -KILL "$p"\n'
    )


def _start(victim: Victim) -> str:
    return (
        f"if [ -e {DROP_IN} ]; then rm -f {DROP_IN}; systemctl daemon-reload; fi\n"
        "systemctl reset-failed docker.socket docker.service 2>/dev/null || :\n"
        "systemctl start docker.service || failed=1\n"
    )


def _drain(victim: Victim) -> str:
    """Run on a manager. A reboot of the victim undoes nothing: who is drained is in the swarm.

    So every other manager holds the lease. Label and drain in one step: neither is ever alone.
    """
    node = quote(victim.node)
    return (
        f"former=$(docker node inspect -f '{{{{.Spec.Availability}}}}' {node})\n"
        f'docker node update --label-add {LABEL_DRAINED}="$former" --availability drain {node}'
        " > /dev/null\n"
    )


def _admit(victim: Victim) -> str:
    """Managers that do it at once: who comes second fails, and finds it done."""
    node, label = quote(victim.node), f'{{{{index .Spec.Labels "{LABEL_DRAINED}"}}}}'
    look = f"docker node inspect -f '{label}' {node}"
    return (
        f"if former=$({look}); then\n"
        '    [ -z "$former" ] || docker node update --availability "$former" '
        f"--label-rm {LABEL_DRAINED} {node} > /dev/null || "
        f'{{ left=$({look}) && [ -z "$left" ]; }} || failed=1\n'
        "else failed=1; fi\n"
    )


def _pause(victim: Victim) -> str:
    """A frozen process is in the kernel's memory: after a reboot containers start anew.

    Written down before: what was frozen by somebody else stays so. A busy server's processes
    do not all stand still at the first try.
    """
    label = quote(f"label={SERVICE_LABEL}={victim.service}")
    none = f"no container of {victim.service} runs here"
    return (
        f"ids=$(docker ps -q --no-trunc --filter status=running --filter {label})\n"
        f'[ -n "$ids" ] || {{ echo {quote(none)} >&2; exit 1; }}\n'
        f'echo "$ids" > {PLACE}/paused\n'
        "for c in $ids; do\n"
        "    n=0\n"
        '    until docker pause "$c" > /dev/null; do\n'
        "        n=$((n+1)); [ $n -lt 10 ] || exit 1; sleep 0.3\n"
        "    done\n"
        "done\n"
    )


def _unpause(victim: Victim) -> str:
    return (
        f"for c in $(cat {PLACE}/paused 2>/dev/null); do\n"
        "    docker version > /dev/null || failed=1\n"
        '    if [ "$(docker inspect -f \'{{.State.Paused}}\' "$c" 2>/dev/null)" = true ]; then\n'
        '        docker unpause "$c" > /dev/null || failed=1\n'
        "    fi\n"
        "done\n"
    )


def _power_off(victim: Victim) -> str:
    """By the kernel at once: no process is ended, so no connection is closed.

    A moment later, so that whoever asks for it hears that it is about to happen.
    """
    return (
        "setsid sh -c 'sleep 0.3; exec systemctl poweroff --force --force' "
        "< /dev/null > /dev/null 2>&1 &\n"
    )


def _nothing(victim: Victim) -> str:
    """What is off cannot undo itself: see `power_on`."""
    return ""


WAYS: Mapping[Kind, Ways] = {
    Kind.PARTITION: Ways(
        begin=_part,
        undo=_heal,
        words="packets from and to the other servers are dropped on it, but for ssh to it",
    ),
    Kind.PACKET_LOSS: Ways(
        begin=_part,
        undo=_heal,
        words="packets from and to the other servers are lost on it, but for ssh to it",
    ),
    Kind.STOP_ENGINE: Ways(
        begin=_stop, undo=_start, words="its Docker engine is stopped, and its containers with it"
    ),
    Kind.KILL_ENGINE: Ways(
        begin=_kill, undo=_start, words="its Docker engine is killed; its containers run on"
    ),
    Kind.DRAIN: Ways(
        begin=_drain, undo=_admit, words="it is drained: Swarm moves its services away"
    ),
    Kind.FREEZE_SERVICE: Ways(
        begin=_pause, undo=_unpause, words="the service's containers on it are paused"
    ),
    Kind.POWER_OFF: Ways(
        begin=_power_off,
        undo=_nothing,
        words="it is switched off at once; what it has not written to its disk is lost",
    ),
}


def power_on(command: Sequence[str], servers: Sequence[str]) -> str:
    """The undo of a power cut, run on this machine: the stated command, once for each server."""
    return "".join(f"{join(named(command, server))} || failed=1\n" for server in servers)


def named(command: Sequence[str], server: str) -> list[str]:
    """A stated command for one server."""
    return [word.replace("{server}", server) for word in command]
