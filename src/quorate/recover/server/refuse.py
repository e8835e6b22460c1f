"""When a server is not recovered: it lives, its swarm would not, or its place is no use. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from quorate.errors import RefusedError, UnreachableError, UsageError
from quorate.fleet.model import Role
from quorate.fleet.quantities import show_size
from quorate.plan.reserve import reservation
from quorate.recover.membership.choose import unfit
from quorate.recover.server.lost import Lost, lived_there, needs_disk
from quorate.recover.server.sight import Sight


def require_known(sight: Sight) -> None:
    """Both servers are of the fleet file.

    Raises:
        UsageError: one is not.
    """
    names = [server.name for server in sight.fleet.servers]
    for name in (sight.name, sight.target):
        if name not in names:
            raise UsageError(
                f"the fleet has no server {name}",
                cause=f"it has {', '.join(names)}",
                todo="write a new machine into the fleet file first: address, role, size",
            )


def require_gone(sight: Sight) -> None:
    """The server is lost: the swarm does not hear from it, nor does what was it answer.

    Raises:
        RefusedError: it lives, with what says so.
    """
    name = sight.name
    if any(node.hostname == name and node.ready for node in sight.nodes):
        raise RefusedError(
            f"{name} is not lost: the swarm says that it is ready; nothing was changed",
            todo="`quorate backup restore` brings data back on a server that runs; to empty one "
            "that lives, power it off first",
        )
    if sight.old is None:
        if sight.ssh and (sight.onto or sight.new is None):
            raise RefusedError(
                f"{name} still answers over ssh; nothing was changed",
                cause="its Docker engine does not answer, which is no loss of its disk",
                todo="start the engine there, or power the machine off if it is beyond repair"
                + ("" if sight.onto else "; if it is the new machine, start Docker on it"),
            )
        return
    if sight.old.node and sight.old.node in {node.id for node in sight.dead}:
        raise RefusedError(
            f"{name} is not lost: it answers, and is still a node of the swarm; nothing was "
            "changed",
            cause="it is cut off from the managers, or its engine has just started",
            todo="mend the network between the servers; it comes back by itself then",
        )
    there = sorted(_volumes(sight) & sight.old.volumes)
    if there:
        raise RefusedError(
            f"{name} is not lost: it answers and has the volume {there[0]}; nothing was changed",
            todo="`quorate up` takes it into the swarm again, with its data",
        )
    if sight.onto:
        raise RefusedError(
            f"a machine answers at the address of {name}; nothing was changed",
            cause="it is empty, so it may be the replacement itself",
            todo=f"`quorate recover server {name}` uses it; power it off to recover onto "
            f"{sight.target}",
        )


def require_quorum(sight: Sight) -> None:
    """The managers that are left decide, now and when the lost one is taken out.

    Raises:
        RefusedError: they do not.
    """
    managers = [node for node in sight.nodes if node.role == Role.MANAGER.value]
    left = [
        node for node in managers if node.ready and node.reached and node.hostname != sight.name
    ]
    if len(left) < len(managers) // 2 + 1:
        raise RefusedError(
            f"{len(left)} of {len(managers)} managers are left: no quorum; nothing was changed",
            cause="a swarm without a majority of its managers decides nothing",
            todo="`quorate recover quorum` first",
        )


def require_replacement(sight: Sight) -> None:
    """Something answers that can take the lost server's place.

    Raises:
        UnreachableError: nothing does.
        RefusedError: it is in use in a way that does not fit, or has data under the same name.
    """
    new = sight.new
    if new is None:
        what = "a new machine" if not sight.onto else sight.target
        raise UnreachableError(
            f"{what} does not answer at the address of {sight.target}; nothing was changed",
            todo="put your ssh key there (a new host key: `ssh-keygen -R` first), start its Docker "
            "if it has one, or name another server of the fleet file with --onto",
        )
    if sight.bare is not None and (reasons := list(unfit(sight.bare))):
        raise RefusedError(
            f"{sight.target} cannot be made a server; nothing was changed",
            cause="\n".join(f"it {reason}" for reason in reasons),
            todo="mend that, then run this again",
        )
    if new.host_name and new.host_name != sight.target:
        raise RefusedError(
            f"the machine at the address of {sight.target} calls itself {new.host_name}; nothing "
            "was changed",
            cause="Swarm knows servers by their host names",
            todo=f"on it: `hostnamectl set-hostname {sight.target}`, and restart Docker",
        )
    down = [n for n in sight.nodes if n.hostname == sight.target and not n.ready]
    ready = [n for n in sight.nodes if n.hostname == sight.target and n.ready]
    if sight.onto and down and not ready:
        raise RefusedError(f"{sight.target} is down itself; nothing was changed")
    if sight.onto and (there := sorted(_volumes(sight) & new.volumes)):
        raise RefusedError(
            f"{sight.target} has the volume {', '.join(there)}; nothing was changed",
            cause="an earlier home of the service, or a recovery that was begun before, left it; "
            "what is restored would be written over it",
            todo=f"see what is in it; if it is not needed, `docker volume rm` on {sight.target}",
        )


def require_room(sight: Sight, lost: Iterable[Lost]) -> None:
    """The replacement has the memory and the disk for what must live there.

    Raises:
        RefusedError: it has not.
    """
    assert sight.new is not None
    wanted = memory_needed(sight)
    if wanted > sight.new.memory:
        raise RefusedError(
            f"{sight.target} is too small: it has {show_size(sight.new.memory)} of memory, and "
            f"{show_size(wanted)} are reserved by what must live there; nothing was changed",
            todo="take a larger machine, or another server with --onto",
        )
    sizes = [one.size for one in lived_there(sight)]
    disk = needs_disk(lost, sizes)
    if sight.new.disk is not None and disk > sight.new.disk:
        raise RefusedError(
            f"{sight.target} is too small: {show_size(sight.new.disk)} of its disk are free, and "
            f"the data to restore takes {show_size(disk)}; nothing was changed",
            todo="take a larger disk, or another server with --onto",
        )


def require_empty(sight: Sight, lost: Iterable[Lost]) -> None:
    """Nothing is in the directories of the replacement that are restored into.

    Raises:
        RefusedError: something is.
    """
    for one in lost:
        there = sorted(set(one.binds) & sight.occupied) if one.restored else ()
        if there:
            raise RefusedError(
                f"{sight.target} has files in {', '.join(there)}; nothing was changed",
                cause="a disk that has survived, an earlier home of the service, or a recovery "
                "that was begun before: what is restored would take their place",
                todo=f"see what they are: `--without {one.source}` starts its services with them; "
                f"if they are not needed, move them away on {sight.target}",
            )


def memory_needed(sight: Sight) -> int:
    """Bytes reserved by what is to live on the replacement; where that was not planned, by what was
    at home on either."""
    fastest = max(server.speed for server in sight.fleet.servers)
    total = 0
    for service in sight.fleet.swarm_services():
        if sight.after is not None:
            count = list(sight.after.get(service.id, ())).count(sight.target)
        else:
            homes = sight.homes.get(service.id, ())
            count = sum(home in (sight.name, sight.target) for home in homes)
        total += reservation(service, fastest).memory * count
    return round(total * sight.memory_scale)


def _volumes(sight: Sight) -> set[str]:
    return {name for one in lived_there(sight) for name in one.source.volumes}
