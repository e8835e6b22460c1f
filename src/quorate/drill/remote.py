"""What a drill comes to on real servers: which scripts, where, and what it takes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from quorate.drill import remote_faults, remote_lease
from quorate.drill.fault import BY_RULES
from quorate.drill.file import Drill, Kind
from quorate.drill.ground import Work
from quorate.drill.remote_look import Look
from quorate.errors import LockedError, MachineError, RefusedError, UsageError
from quorate.fleet.model import Fleet, Server

HERE = ""
"""In place of a server's name: the machine on which Quorate runs."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One script for one place."""

    server: str
    script: str


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """`leases`: what undoes it, where it is held. `faults`: what makes it, and where."""

    leases: tuple[Job, ...]
    faults: tuple[Job, ...]
    place: str = remote_lease.PLACE


def jobs(work: Work, fleet: Fleet, *, here: str) -> Jobs:
    """The scripts of a drill.

    Args:
        here: the directory of a lease on this machine, for what cannot hold its own.

    Raises:
        UsageError: real servers are not given that fault, or an address is not known.
    """
    kind = work.drill.fault.kind
    ways = remote_faults.WAYS.get(kind)
    if ways is None:
        raise UsageError(
            f"the fault {kind.value} is for a lab: a real server is not given it",
            cause="it could not undo it by itself, or there is no knowing what it would hit",
            todo="give --lab; real servers are given "
            + ", ".join(each.value for each in remote_faults.WAYS),
        )
    victims = [victim(server, work, fleet) for server in work.hit]
    if kind is Kind.POWER_OFF:
        steps = remote_faults.power_on(work.drill.undo.power_on, work.hit)
        lease = Job(server=HERE, script=remote_lease.undo_script(steps, place=here))
        cuts = [f"{remote_lease.PATH}set -eu\n{ways.begin(each)}" for each in victims]
        return Jobs(leases=(lease,), faults=_each(work.hit, cuts), place=here)
    if kind is Kind.DRAIN:
        steps = "".join(ways.undo(each) for each in victims)
        undo = remote_lease.undo_script(steps)
        held = [server.name for server in fleet.managers if server.name not in work.hit]
        drains = remote_lease.begin_script("".join(ways.begin(each) for each in victims))
        return Jobs(leases=_each(held, [undo] * len(held)), faults=_each(held[:1], [drains]))
    return Jobs(
        leases=_each(work.hit, [remote_lease.undo_script(ways.undo(each)) for each in victims]),
        faults=_each(work.hit, [remote_lease.begin_script(ways.begin(each)) for each in victims]),
    )


def _each(servers: Sequence[str], scripts: Sequence[str]) -> tuple[Job, ...]:
    return tuple(Job(server=s, script=t) for s, t in zip(servers, scripts, strict=True))


def victim(server: str, work: Work, fleet: Fleet) -> remote_faults.Victim:
    """A server that is hit, with what the scripts need of it.

    Raises:
        UsageError: nobody knows the address of a server that it is to be parted from.
    """
    nodes = {node.hostname: node for node in work.before.nodes}
    far: tuple[str, ...] = ()
    if work.drill.fault.kind in BY_RULES:
        far = tuple(
            found
            for other in fleet.servers
            if other.name not in work.hit
            for found in addresses(other, nodes[other.name].address if other.name in nodes else "")
        )
    known = {each.name: each for each in fleet.servers}
    services = {service.id: service.swarm_name for service in fleet.swarm_services()}
    return remote_faults.Victim(
        server=server,
        node=nodes[server].id if server in nodes else "",
        far=far,
        ssh_port=known[server].ssh.port or 22,
        service=services.get(work.drill.target.service or "", ""),
        fault=work.drill.fault,
    )


def addresses(server: Server, observed: str) -> tuple[str, ...]:
    """The numeric addresses of a server: as its swarm knows it, and as the fleet file says.

    Raises:
        UsageError: neither is one.
    """
    found = []
    for text in (observed, server.address):
        try:
            at = ip_address(text.strip("[]"))
        except ValueError:
            continue
        if not at.is_unspecified:
            found.append(str(at))
    if not found:
        raise UsageError(
            f"nobody knows the address of {server.name}, from which a partition is to part others",
            cause=f"the fleet file has `{server.address}`, the swarm says `{observed}`",
            todo="write its IP address into the fleet file",
        )
    return tuple(dict.fromkeys(found))


def allow(work: Work, fleet: Fleet, *, quorum: bool, here: str) -> None:
    """Refuse what needs a word that was not given. `here`: the name of this machine.

    Raises:
        UsageError: the drill does not say how to switch servers on again.
        RefusedError: somebody must name the servers first; or this machine is one of them.
    """
    drill, names = work.drill, ",".join(work.hit)
    kind = drill.fault.kind
    if {here, here.partition(".")[0]} & set(work.hit):
        raise RefusedError(
            f"this is {here}, which the drill would hit: nothing was changed",
            todo="run it on a machine that is not a target",
        )
    grave = kind is Kind.POWER_OFF or not quorum
    why = "a server that is off cannot" if kind is Kind.POWER_OFF else "without a quorum it may"
    if grave and not drill.undo.power_on:
        raise UsageError(
            f"{kind.value} of {names}: the drill does not say how to switch it on again",
            cause=f"{why} undo itself" if kind is Kind.POWER_OFF else f"{why} take hands to mend",
            todo="add `undo: {power_on: COMMAND}`, run on this machine; {server} in it is the "
            "server's name",
        )
    if kind is Kind.POWER_OFF and frozenset(work.off) != frozenset(work.hit):
        raise RefusedError(
            f"power-off of {names} was not allowed; nothing was changed",
            todo=f"--allow-power-off {names} allows it",
        )
    allowed = drill.guards.managers_after == "any" and frozenset(work.token) == frozenset(work.hit)
    if not quorum and not allowed:
        raise RefusedError(
            f"the loss of {names} costs the quorum; nothing was changed",
            todo=f"`guards: {{managers_after: any}}` in the drill and --allow-quorum-loss {names} "
            "allow it",
        )


def able(work: Work, jobs: Jobs, looks: Mapping[str, Look]) -> None:
    """Refuse where a server that is hit, or holds a lease, has not what it takes.

    Raises:
        MachineError: it lacks something. LockedError: a drill's lease is there already.
    """
    kind = work.drill.fault.kind
    for server in dict.fromkeys([*(job.server for job in jobs.leases), *work.hit]):
        if server == HERE:
            continue
        look = looks[server]
        if look.drill is not None:
            raise LockedError(
                f"the drill {look.drill} is under way on {server}",
                cause="its undo is there, and is done when its lease ends",
                todo="wait, or end it: `quorate drill stop FLEET`",
            )
        lacking = _lacking(kind, look, hit=server in work.hit)
        if lacking is not None:
            raise MachineError(
                f"{kind.value}: {server} {lacking[0]}; nothing was changed",
                todo=lacking[1],
            )


def _lacking(kind: Kind, look: Look, *, hit: bool) -> tuple[str, str] | None:
    """What a server has not, and what to do; None where it has all."""
    if not look.root:
        return "does not let Quorate be root", "log in as root, or allow `sudo -n` to the ssh user"
    if not (look.systemd or "setsid" in look.has):
        return "has neither systemd nor setsid to hold the undo", "install util-linux there"
    if kind in BY_RULES and "nft" not in look.has:
        return "has no nft", "install nftables there"
    if kind in (Kind.DRAIN, Kind.FREEZE_SERVICE) and "docker" not in look.has:
        return "has no docker program", "install Docker's command line there"
    if kind in (Kind.STOP_ENGINE, Kind.KILL_ENGINE):
        if not look.systemd or look.engine != "active":
            return "runs its engine otherwise than as systemd's docker.service", _BY_SYSTEMD
        if not look.at_boot:
            return "would not start its engine at a boot", "`systemctl enable docker` there"
    if kind is Kind.POWER_OFF and hit:
        if look.container:
            return "is a container, and has no power of its own", "use a lab: --lab"
        if not look.systemd:
            return "has no systemd to switch it off by", "use another fault"
        if not look.at_boot:
            return "would not start its engine at a boot", "`systemctl enable docker` there"
    return None


_BY_SYSTEMD = "use a partition, or let systemd run the engine"


def held_by(servers: Mapping[str, str]) -> str:
    """Who holds the undo, in words. `servers`: name (HERE: this machine) → timer or shell."""
    words = {
        remote_lease.TIMER: "by a timer of systemd",
        remote_lease.SHELL: "by a detached shell",
    }
    return "the undo is held " + ", ".join(
        f"on {server or 'this machine'} {words.get(how, how)}"
        + (" (systemd is not its init)" if how == remote_lease.SHELL and server else "")
        for server, how in servers.items()
    )


def described(work: Work, jobs: Jobs) -> list[str]:
    """What will happen to which server, a line each, for whoever must agree to it."""
    drill: Drill = work.drill
    ways = remote_faults.WAYS.get(drill.fault.kind)
    what = f"{drill.fault.words}: {ways.words if ways else ''}"
    if drill.fault.one_way:
        what = what.replace("from and to the other servers are", "of the other servers are")
    if drill.target.service and drill.fault.kind is Kind.FREEZE_SERVICE:
        what = what.replace("the service's", f"{drill.target.service}'s")
    until = f"for {drill.fault.duration:g} s; undone after {drill.lease:g} s whatever happens"
    lines = [f"{server}: {what}, {until}" for server in work.hit]
    holders = ", ".join(job.server or "this machine" for job in jobs.leases)
    lines.append(f"the undo is held on {holders}, before it begins")
    if not work.quorum and drill.fault.kind is not Kind.POWER_OFF:
        how = ", ".join(" ".join(words) for words in _power_on(work))
        lines.append(f"the quorum is lost meanwhile; what does not come back: {how}")
    return lines


def _power_on(work: Work) -> list[list[str]]:
    return [remote_faults.named(work.drill.undo.power_on, server) for server in work.hit]
