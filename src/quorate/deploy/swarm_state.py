"""What each server says of the swarm it is in, before anything is set up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Interface, ip_address, ip_interface
from typing import TYPE_CHECKING, Any

from quorate.errors import CommandError, EngineError, QuorateError
from quorate.fleet.model import Fleet, Server
from quorate.fleet.observed import ObservedNode
from quorate.observe.connect import Connections, in_parallel
from quorate.observe.snapshot import NANO, node
from quorate.observe.targets import target_of
from quorate.tools import docker, ssh

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

OWN_INTERFACES = ("docker", "br-", "veth", "lo", "virbr", "cni", "flannel")


@dataclass(frozen=True, kw_only=True)
class Membership:
    """One server's own view. `state` is inactive, pending, active, error or locked.

    `works` says that it is a manager whose swarm has a leader; `cluster` is
    known to managers only; `managers` are addresses (without ports) it knows of.
    """

    server: str
    state: str = "inactive"
    node_id: str = ""
    control: bool = False
    works: bool = False
    cluster: str = ""
    managers: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class SwarmState:
    """All servers' views, and the nodes as a working manager lists them.

    `heartbeat` (seconds) and `task_history` are the swarm's present settings,
    None without a swarm. `unreachable` maps a server to its error.
    """

    members: Mapping[str, Membership] = field(default_factory=dict)
    nodes: tuple[ObservedNode, ...] = ()
    heartbeat: float | None = None
    task_history: int | None = None
    unreachable: Mapping[str, QuorateError] = field(default_factory=dict)


def observe_swarm(connections: Connections) -> SwarmState:
    """Ask every server at once; a server that does not answer is noted, not raised."""
    answers = connections.each(lambda server, client: _membership(server.name, client))
    members = dict(answers.results)
    for member in answers.results.values():
        if not member.works:
            continue
        try:
            nodes, spec = _listing(connections.client(member.server))
        except EngineError as error:  # it found no leader after all
            members[member.server] = replace(member, works=False, error=error.cause or error.what)
            continue
        return SwarmState(
            members=members,
            nodes=nodes,
            heartbeat=float((spec.get("Dispatcher") or {}).get("HeartbeatPeriod") or 0) / NANO,
            task_history=(spec.get("Orchestration") or {}).get("TaskHistoryRetentionLimit"),
            unreachable=answers.errors,
        )
    return SwarmState(members=members, unreachable=answers.errors)


def _listing(client: DockerClient) -> tuple[tuple[ObservedNode, ...], Mapping[str, Any]]:
    """The nodes and the specification of the swarm, as this manager knows them."""
    with docker.translated("the swarm cannot be read"):
        nodes = tuple(node(raw) for raw in client.api.nodes())
        return nodes, client.api.inspect_swarm().get("Spec") or {}


def _membership(server: str, client: DockerClient) -> Membership:
    return membership(server, client.api.info().get("Swarm") or {})


def membership(server: str, swarm: Mapping[str, Any]) -> Membership:
    """One server's view, from the engine's own words."""
    control = bool(swarm.get("ControlAvailable"))
    cluster = str((swarm.get("Cluster") or {}).get("ID") or "")
    error = str(swarm.get("Error") or "")
    state = str(swarm.get("LocalNodeState") or "inactive")
    if state == "error" and control and cluster and not error:
        # What it answers for works: a node that failed and came back by itself may be called that
        # for good (26.1.5: a worker that became a manager after all managers were lost).
        state = "active"
    return Membership(
        server=server,
        state=state,
        node_id=str(swarm.get("NodeID") or ""),
        control=control,
        works=state == "active" and control and bool(cluster) and not error,
        cluster=cluster,
        managers=tuple(
            str(peer.get("Addr") or "").rpartition(":")[0].strip("[]")
            for peer in swarm.get("RemoteManagers") or ()
        ),
        error=error,
    )


def advertise_addresses(fleet: Fleet, unreachable: Mapping[str, Any]) -> dict[str, str]:
    """The address each reachable server tells the others.

    The fleet file's `address` where that is an IP address; where it is a name
    (an ssh alias, say), the server itself is asked for its interfaces.

    Raises:
        EngineError: an address is not clear from what a server says.
    """
    servers = [s for s in fleet.servers if s.name not in unreachable]
    answers = in_parallel(_interfaces, [s for s in servers if not is_ip(s.address)])
    for error in answers.errors.values():
        raise error
    return addresses_of(servers, answers.results)


def addresses_of(
    servers: Iterable[Server], interfaces: Mapping[str, tuple[IPv4Interface, ...]]
) -> dict[str, str]:
    """The servers' addresses, those reached by a name from their interfaces. Pure.

    Raises:
        EngineError: an address is not clear.
    """
    named = {s.name: interfaces.get(s.name, ()) for s in servers if not is_ip(s.address)}
    return {**{s.name: s.address for s in servers}, **choose_addresses(named)}


def choose_addresses(interfaces: Mapping[str, tuple[IPv4Interface, ...]]) -> dict[str, str]:
    """Per server the one address in a network that all of them are on. Pure.

    Raises:
        EngineError: there is none, or more than one such network.
    """
    if not interfaces:
        return {}
    shared = set.intersection(*({i.network for i in own} for own in interfaces.values()))
    if len(shared) != 1:
        seen = "; ".join(
            f"{name}: {', '.join(map(str, own)) or 'none'}" for name, own in interfaces.items()
        )
        raise EngineError(
            "the address that servers use among themselves is not clear",
            cause=f"{len(shared)} networks are common to all of them ({seen})",
            todo="write each server's IP address as its `address` in the fleet file",
        )
    (network,) = shared
    return {
        name: str(next(i.ip for i in own if i.network == network))
        for name, own in interfaces.items()
    }


def parse_interfaces(text: str) -> tuple[IPv4Interface, ...]:
    """The addresses in the output of `ip -o -4 addr show scope global`, Docker's own left out."""
    found: tuple[IPv4Interface, ...] = ()
    for line in text.splitlines():
        fields = line.split()
        if len(fields) >= 4 and fields[2] == "inet":
            found += usable_interface(fields[1], fields[3])
    return found


def usable_interface(device: str, address: str) -> tuple[IPv4Interface, ...]:
    """The address (with its prefix length) of a device servers may use among themselves."""
    if device.startswith(OWN_INTERFACES):
        return ()
    parsed = ip_interface(address)
    return (parsed,) if isinstance(parsed, IPv4Interface) else ()


def is_ip(text: str) -> bool:
    """Whether this is an IP address and not a name."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _interfaces(server: Server) -> tuple[IPv4Interface, ...]:
    argv = ["ip", "-o", "-4", "addr", "show", "scope", "global"]
    try:
        return parse_interfaces(ssh.run(target_of(server), argv, timeout=20).stdout)
    except CommandError as error:
        raise EngineError(
            f"{server.name} does not tell its own address",
            cause=error.cause or error.what,
            todo="write its IP address as `address` in the fleet file",
        ) from error
