"""Looking at a fleet's servers before one comes, goes, or changes its role."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from quorate.deploy.facts import BLOCKED, try_ports
from quorate.deploy.swarm_setup import SWARM_PORT
from quorate.deploy.swarm_state import SwarmState, observe_swarm
from quorate.errors import InfeasibleError, UnreachableError
from quorate.fleet.check import check
from quorate.fleet.imports.edit import without_server
from quorate.fleet.model import Fleet, Role, Server, Ssh
from quorate.fleet.observed import Snapshot
from quorate.fleet.problems import Severity
from quorate.observe.connect import Connections, in_parallel
from quorate.observe.targets import target_of
from quorate.plan.solve import make_plan
from quorate.recover.membership.model import Holding, Leaving, Machine, Member
from quorate.recover.quorum.look import AS_ROOT
from quorate.tools import ssh

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

SCRIPT_SECONDS = 30.0
PLAN_SECONDS = 5.0
ANONYMOUS = re.compile(r"[0-9a-f]{64}")

MACHINE = r"""
echo "host $(hostname)"
[ "$(id -u)" = 0 ] && echo root yes
. /etc/os-release 2>/dev/null && echo "system $PRETTY_NAME" && echo "like $ID $ID_LIKE"
if command -v docker > /dev/null 2>&1; then
    version=$(docker version -f '{{.Server.Version}}' 2>/dev/null) && echo "engine $version"
    state=$(docker info -f '{{.Swarm.LocalNodeState}}' 2>/dev/null) && echo "swarm $state"
fi
for program in dockerd docker /snap/bin/docker; do
    command -v "$program" > /dev/null 2>&1 && echo installed yes
done
[ -n "$(ls -A /var/lib/docker/volumes 2>/dev/null)" ] && echo kept yes
ufw status 2>/dev/null | grep -q '^Status: active' && echo ufw active
awk '$1 == "MemTotal:" {print "memory", $2}' /proc/meminfo 2>/dev/null
df -Pk /var/lib 2>/dev/null | awk 'NR == 2 {print "disk", $4}'
echo end
"""
WALL = "ufw status 2>/dev/null | grep -q '^Status: active' && echo active; exit 0"


def members(connections: Connections) -> tuple[tuple[Member, ...], SwarmState]:
    """Every server of the fleet with its node.

    Raises:
        UnreachableError, EngineError: no manager of the fleet works.
    """
    state = observe_swarm(connections)
    if not state.nodes:
        connections.manager()
    own = {name: member.node_id for name, member in state.members.items() if member.node_id}
    found = []
    for server in connections.fleet.servers:
        listed = [n for n in state.nodes if n.hostname == server.name]
        node = next((n for n in listed if n.id == own.get(server.name)), None)
        node = node or max(
            listed, key=lambda n: (n.ready, n.reachability is not None), default=None
        )
        found.append(
            Member(
                name=server.name,
                leads=server.role is Role.MANAGER,
                node=node.id if node else "",
                manager=node is not None and node.role == Role.MANAGER.value,
                ready=node is not None and node.ready,
                raft=node is not None and node.reachability is not None,
                reached=node is not None and node.reachability == "reachable",
                answers=server.name in state.members,
            )
        )
    return tuple(found), state


def leaving(connections: Connections, server: Server, snapshot: Snapshot) -> Leaving:
    """What would go with a server.

    Raises:
        EngineError: another server's engine refuses to list its volumes.
    """
    fleet = connections.fleet
    text = fleet.path.read_text(encoding="utf-8")
    report = check(fleet.path, drafts={fleet.path: without_server(text, server.name)})
    problems = [str(p) for p in report.problems if p.severity is Severity.ERROR]
    node = {n.id for n in snapshot.nodes if n.hostname == server.name}
    running = [t for s in snapshot.services for t in snapshot.running(s) if t.node_id in node]
    return Leaving(
        server=server.name,
        problems=tuple(problems),
        homeless=tuple(_homeless(report.fleet)) if report.fleet else (),
        holdings=_holdings(connections, server, snapshot),
        repositories=tuple(
            r.name for r in fleet.backup.repositories
            if r.server == server.name and r.place == "local"
        ),
        kept=tuple(f"the stack {s.name}" for s in fleet.stacks if s.server == server.name),
        tasks=len(running),
    )  # fmt: skip


def _homeless(fleet: Fleet) -> list[str]:
    try:
        make_plan(fleet, time_limit=PLAN_SECONDS)
    except InfeasibleError as error:
        return list(error.conflict) or [error.what]
    return []


def _holdings(connections: Connections, server: Server, snapshot: Snapshot) -> tuple[Holding, ...]:
    """The volumes with names on a server, and whose data is in them."""

    def ask(one: Server, client: DockerClient) -> list[str]:
        found = client.api.volumes().get("Volumes") or ()
        return [str(v["Name"]) for v in found if not ANONYMOUS.fullmatch(str(v["Name"]))]

    listed: Mapping[str, list[str]] = connections.each(ask).results
    keepers = _keepers(connections.fleet)
    nodes = {n.id for n in snapshot.nodes if n.hostname == server.name}
    live = {
        service.name for service in snapshot.services
        if any(task.node_id in nodes for task in snapshot.running(service))
    }  # fmt: skip
    return tuple(
        Holding(
            volume=volume,
            services=tuple(keepers.get(volume, ())),
            live=bool(live & set(keepers.get(volume, ()))),
            elsewhere=tuple(n for n, own in listed.items() if n != server.name and volume in own),
        )
        for volume in sorted(listed.get(server.name, ()))
    )


def _keepers(fleet: Fleet) -> dict[str, list[str]]:
    """Volume, by its name in the engine → Swarm names of the services that keep data in it."""
    found: dict[str, list[str]] = {}
    files = {one.stack: one for one in fleet.files}
    for service in fleet.services:
        for use in service.volumes:
            if service.state.keeps_data and use.kind == "volume" and use.source:
                declared = files[service.stack].volumes.get(use.source) or {}
                name = str(declared.get("name") or f"{service.stack}_{use.source}")
                if declared.get("external") and not declared.get("name"):
                    name = use.source
                found.setdefault(name, []).append(service.swarm_name)
    return found


def machine(target: ssh.Target, managers: Mapping[str, str]) -> Machine:
    """A machine that is to join.

    Args:
        managers: the managers' addresses, by name.

    Raises:
        UnreachableError: it does not answer ssh.
    """
    said = ssh.run(target, ["sh", "-c", AS_ROOT], input=MACHINE, timeout=SCRIPT_SECONDS)
    found = read_machine(target.name, target.host, said.stdout)
    ways = Ssh(user=target.user, port=target.port, config=target.config)
    draft = Server(name=target.name, address=target.host, cpus=1, memory=1, ssh=ways)
    tried = try_ports(draft, [(address, SWARM_PORT) for address in managers.values()])
    names = {address: name for name, address in managers.items()}
    blocked = tuple(names[at] for (at, _), result in tried.items() if result == BLOCKED)
    return found.model_copy(update={"blocked": blocked})


def read_machine(name: str, address: str, text: str) -> Machine:
    """What the script printed. Pure."""
    said = dict(line.partition(" ")[::2] for line in text.splitlines() if " " in line)
    return Machine(
        name=name,
        address=address,
        host_name=said.get("host", ""),
        system=said.get("system", ""),
        like=tuple(said.get("like", "").split()),
        root=said.get("root") == "yes",
        engine="engine" in said,
        version=said.get("engine", ""),
        installed="installed" in said,
        kept="kept" in said,
        swarm=said.get("swarm", "inactive"),
        ufw=said.get("ufw") == "active",
        memory=_kibibytes(said.get("memory", "")),
        disk=_kibibytes(said.get("disk", "")),
        odd=() if text.rstrip().endswith("end") else ("it broke off",),
    )


def _kibibytes(text: str) -> int | None:
    return int(text) * 1024 if text.isdigit() else None


def firewalled(connections: Connections) -> tuple[str, ...]:
    """Servers of the fleet whose ufw is active. One that does not answer is left out."""

    def ask(server: Server) -> bool:
        said = ssh.run(
            target_of(server), ["sh", "-c", AS_ROOT], input=WALL, timeout=SCRIPT_SECONDS,
            check=False,
        )  # fmt: skip
        return said.stdout.strip() == "active"

    answers = in_parallel(ask, connections.fleet.servers)
    unexpected = [e for e in answers.errors.values() if not isinstance(e, UnreachableError)]
    if unexpected:
        raise unexpected[0]
    return tuple(name for name, active in answers.results.items() if active)
