"""How a server comes, goes, or changes its role: refused, or chosen as steps. Pure.

Invariant: after all steps that change managers their number is odd; and at each step more than
half of the managers there are then are reached. What is so in the swarm already gets no step: its
undoing would change what was so before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from quorate.errors import RefusedError, UsageError
from quorate.recover.membership.model import Holding, Leaving, Machine, Member
from quorate.recover.model import Operation, Step

ADD, REMOVE, PROMOTE, DEMOTE = "server add", "server remove", "server promote", "server demote"
ROLE_SECONDS, DRAIN_SECONDS, INSTALL_SECONDS, JOIN_SECONDS = 6.0, 45.0, 120.0, 8.0
FAMILIES = ("debian", "ubuntu")
PORTS = "2377/tcp (to managers), 7946/tcp, 7946/udp, 4789/udp"


def roles(
    fleet: str, members: Sequence[Member], *, up: Sequence[str], down: Sequence[str], kind: str
) -> Operation:
    """Other managers.

    Args:
        up: servers that become managers; `down`: managers that become workers.
        kind: which verb it is, of `PROMOTE` and `DEMOTE`.

    Raises:
        UsageError: unknown names, or nothing to change.
        RefusedError: their number would be even, or the quorum would be at risk.
    """
    known = {one.name: one for one in members}
    _check_names(known, [*up, *down])
    for name in set(up) & set(down):
        raise UsageError(f"{name} cannot be promoted and demoted at once")
    for name in up:
        if known[name].manager and known[name].leads:
            raise UsageError(f"{name} is a manager already")
    for name in down:
        if not known[name].manager and not known[name].leads:
            raise UsageError(f"{name} is a worker already")
    _check_managers(members, up, down)
    lost = [name for name in down if known[name].lost]
    steps = [*_promotions(known, up), *_demotions(known, down), _file(
        f"write the {'role' if len(up) + len(down) == 1 else 'roles'} into the fleet file",
        "write the former roles into the fleet file",
    )]  # fmt: skip
    after = _managers(members, up, down)
    warnings = ["one manager only: its loss stops the swarm"] if len(after) == 1 else []
    if lost:
        warnings.append(
            f"{', '.join(lost)} are lost to the swarm, and it lists them as managers on: one that "
            "comes back is a manager until the next `quorate up`; those that will not: `quorate "
            "server remove SERVER --gone`"
        )
    return Operation(
        kind=kind,
        subject=" ".join(up if kind == PROMOTE else down),
        fleet=fleet,
        steps=tuple(steps),
        warnings=(*warnings, *_stand_ins(members, up)),
        facts={"up": list(up), "down": list(down)},
    )


def remove(
    fleet: str,
    members: Sequence[Member],
    leaving: Leaving,
    *,
    instead: Sequence[str] = (),
    left: Sequence[str] = (),
    gone: bool = False,
) -> Operation:
    """A server goes.

    Args:
        instead: servers that become managers in its place.
        left: volumes whose data may stay behind on its disk.
        gone: it does not answer, and will not again.

    Raises:
        UsageError: unknown names.
        RefusedError: the quorum, data or a home would be lost; every reason at once.
    """
    known = {one.name: one for one in members}
    _check_names(known, [leaving.server, *instead])
    server = known[leaving.server]
    reasons = [*_too_few(members, instead, server), *_why_not(server, leaving, left, gone)]
    if reasons:
        raise RefusedError(
            f"{server.name} cannot be removed; nothing was changed",
            cause="\n".join(reasons),
            todo="mend each of them; `--instead SERVER` has another one become a manager, "
            "`--leave-volume NAME` leaves data behind on its disk",
        )
    steps = [*_promotions(known, instead)]
    if server.ready:
        steps.append(Step(
            id="drain",
            says=f"drain {server.name} ({leaving.tasks} tasks), and wait until they run elsewhere",
            seconds=DRAIN_SECONDS,
            back=f"let {server.name} have tasks again",
        ))  # fmt: skip
    # Who is no member of raft cannot be demoted, and need not be.
    steps += _demotions(known, [server.name] if server.raft else [])
    steps.append(Step(
        id="leave",
        says=f"{server.name} leaves the swarm, and its entry is removed",
        seconds=JOIN_SECONDS,
        back=f"{server.name} joins again" if server.answers else "",
        final=not server.answers,
    ))  # fmt: skip
    steps.append(_file(f"take {server.name} out of the fleet file", "put its entry back"))
    stays = [one.volume for one in leaving.holdings]
    warnings = [f"on its disk stay {len(stays)} volumes: {', '.join(stays)}"] if stays else []
    if server.lost:
        warnings += _stand_ins(members, instead)
    return Operation(
        kind=REMOVE,
        subject=server.name,
        fleet=fleet,
        steps=tuple(steps),
        loses=f"what is in {', '.join(left)} stays on its disk only" if left else "",
        warnings=tuple(warnings),
        facts={
            "server": server.name,
            "node": server.node,
            "up": list(instead),
            "down": [server.name] if server.manager else [],
        },
    )


def check_back(members: Sequence[Member], leaving: Leaving, *, manager: bool) -> None:
    """See that a server that was added may go again, as if it had never come.

    Args:
        manager: it came as one: then the number of managers is the former one without it.

    Raises:
        RefusedError: something uses it by now; every reason at once.
    """
    server = next(one for one in members if one.name == leaving.server)
    if not server.node:
        # It has not come: what is on its disk was there before.
        leaving = Leaving(server=server.name, problems=leaving.problems)
    elif not leaving.tasks:
        # Whether the others have room was no question before it came either.
        leaving = leaving.model_copy(update={"homeless": ()})
    reasons = list(_why_not(server, leaving, (), gone=True))
    if not manager:
        reasons = [*_too_few(members, (), server), *reasons]
    if reasons:
        raise RefusedError(
            f"{server.name} is in use: its addition cannot be undone; nothing was changed",
            cause="\n".join(reasons),
            todo=f"mend each of them, then again; or `quorate server remove {server.name}`",
        )


def add(
    fleet: str,
    members: Sequence[Member],
    machine: Machine,
    *,
    manager: bool = False,
    firewalled: Sequence[str] = (),
    in_lab: bool = False,
) -> Operation:
    """A machine comes.

    Args:
        manager: it is to be one; else a worker.
        firewalled: servers of the fleet whose firewall is active.
        in_lab: the lab makes the machine, its engine is in it.

    Raises:
        UsageError: there is a server of that name.
        RefusedError: it is in a swarm, of a kind that Quorate does not install, or not reached.
    """
    if machine.name in {one.name for one in members}:
        raise UsageError(
            f"the fleet has a server {machine.name}", todo="`quorate up` lets it join the swarm"
        )
    if manager:
        _check_managers([*members, Member(name=machine.name, ready=True)], [machine.name], [])
    if not in_lab:
        _check_machine(machine, {one.name for one in members if one.reached})
    entry = _file(
        f"write {machine.name} into the fleet file", f"take {machine.name} out of the fleet file"
    )
    role = "manager" if manager else "worker"
    walls = (*(machine.name,) * machine.ufw, *firewalled)
    steps = [entry]
    if in_lab:
        steps.append(Step(id="machine", says=f"the lab makes {machine.name}", seconds=20.0))
    else:
        steps.append(engine_step(machine))
    if walls:
        steps.append(wall_step(walls))
    steps.append(Step(
        id="join",
        says=f"{machine.name} joins the swarm as {role}",
        seconds=JOIN_SECONDS,
        back=f"{machine.name} leaves the swarm again",
    ))  # fmt: skip
    steps.append(Step(id="labels", says="give it its labels", seconds=1.0))
    opened = () if walls else (f"these ports must be open between it and the others: {PORTS}",)
    return Operation(
        kind=ADD,
        subject=machine.name,
        fleet=fleet,
        steps=tuple(steps),
        warnings=opened,
        facts={"server": machine.name, "role": role, "firewalled": list(walls)},
    )


def engine_step(machine: Machine) -> Step:
    """Install Docker where no engine answers."""
    if machine.engine:
        return Step(id="engine", says=f"its engine is there ({machine.version})", seconds=1.0)
    return Step(
        id="engine",
        says=f"install Docker from the packages of {machine.system}, and start it",
        seconds=INSTALL_SECONDS,
    )


def wall_step(walls: Iterable[str]) -> Step:
    """Open the firewalls of servers to each other."""
    return Step(
        id="firewall", says=f"open {PORTS} in ufw between them on {', '.join(walls)}", seconds=5.0
    )


def unfit(machine: Machine) -> Iterator[str]:
    """Why Quorate can install nothing on a machine, each to be said after its name."""
    if not machine.root:
        yield "does not let Quorate be root: log in as root, or allow `sudo -n`"
    if not machine.engine and not set(machine.like) & set(FAMILIES):
        yield (
            f"runs {machine.system or 'an unknown system'}, where Quorate installs no engine "
            "(only on Debian and Ubuntu): install Docker there first"
        )


def _check_machine(machine: Machine, reached: Set[str]) -> None:
    """Raises RefusedError. That it reaches a lost manager (not in `reached`) is not asked for."""
    reasons = list(unfit(machine))
    if machine.host_name and machine.host_name != machine.name:
        reasons.append(
            f"calls itself {machine.host_name}, and Swarm knows servers by that name: add it as "
            f"{machine.host_name}, or `hostnamectl set-hostname {machine.name}` there"
        )
    if machine.swarm not in ("", "inactive"):
        reasons.append(
            f"is in a swarm already (its state is {machine.swarm}): `docker swarm leave` there, "
            "if that one is not needed"
        )
    blocked = [name for name in machine.blocked if name in reached]
    if blocked and not machine.ufw:
        reasons.append(f"does not reach port 2377 of {', '.join(blocked)}")
    if reasons:
        raise RefusedError(
            f"{machine.name} cannot be added; nothing was changed",
            cause="\n".join(f"it {reason}" for reason in reasons),
            todo="mend that, then run this again",
        )


def _why_not(server: Member, leaving: Leaving, left: Sequence[str], gone: bool) -> Iterable[str]:
    if not server.answers and not gone:
        yield (
            f"{server.name} does not answer: what is on its disk cannot be looked at; if it is "
            "gone for good, add --gone"
        )
    yield from (f"without it, {problem}" for problem in leaving.problems)
    yield from (f"the others have no place for all: {reason}" for reason in leaving.homeless)
    yield from (f"{what} is on it" for what in leaving.kept)
    yield from (f"the backup repository {name} is on its disk" for name in leaving.repositories)
    for one in leaving.holdings:
        if one.services and one.volume not in left:
            yield f"the volume {one.volume} has the data of {', '.join(one.services)}, {_only(one)}"


def _only(holding: Holding) -> str:
    """Whether it may be all there is of it: the name is no proof that another one has the same."""
    if holding.live:
        return "which runs on it"
    if not holding.elsewhere:
        return "which has its only volume there"
    return f"and whether those on {', '.join(holding.elsewhere)} have the same nobody can tell"


def _check_names(known: dict[str, Member], names: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise UsageError(
                f"the fleet has no server {name}", todo=f"choose one of: {', '.join(known)}"
            )


def _managers(
    members: Sequence[Member], up: Sequence[str], down: Sequence[str]
) -> tuple[Member, ...]:
    """The managers after a change. What the fleet file makes one and Swarm does not counts too;
    one that is lost to the swarm does not."""
    return tuple(
        one for one in members if one.name in up or (one.counts and one.name not in down)
    )  # fmt: skip


def _too_few(members: Sequence[Member], instead: Sequence[str], server: Member) -> list[str]:
    """Why the managers would not do without a server; nothing where they are the same."""
    if not instead and not server.counts:
        return []
    try:
        _check_managers(members, instead, [server.name])
    except RefusedError as error:
        return [error.what]
    return []


def _stand_ins(members: Sequence[Member], up: Sequence[str]) -> list[str]:
    """A warning of managers that the fleet file does not know of, nor will."""
    found = [one.name for one in members if one.raft and not one.leads and one.name not in up]
    if not found:
        return []
    return [
        f"{', '.join(found)} are managers, and workers by the fleet file: `quorate up` makes them "
        f"workers; `quorate server promote {' '.join(found)}` writes them into it"
    ]


def _check_managers(members: Sequence[Member], up: Sequence[str], down: Sequence[str]) -> None:
    known = {one.name: one for one in members}
    for name in up:
        if not known[name].ready:
            raise RefusedError(
                f"{name} is not ready in the swarm, and cannot become a manager",
                todo="`quorate status` says why",
            )
    after = _managers(members, up, down)
    before = _managers(members, (), ())
    if len(after) % 2 == 0:
        raise RefusedError(
            f"there would be {len(after)} managers in place of {len(before)}: an even number "
            "bears no more losses than one less",
            cause="a majority of them must live, and of 4 that is 3, as it is of 5",
            todo="change two at once, or one in place of another (`--instead-of`, `--instead`)",
        )
    reached = [one for one in after if one.reached or one.name in up]
    if len(reached) < len(after) // 2 + 1:
        lacking = ", ".join(one.name for one in after if one not in reached)
        raise RefusedError(
            f"the quorum would be lost: of the {len(after)} managers then, {lacking} are not "
            "reached",
            todo="bring them back first (`quorate status`, `quorate recover quorum`)",
        )


def _promotions(known: Mapping[str, Member], up: Sequence[str]) -> list[Step]:
    return [_promote(name) for name in up if not (known[name].manager and known[name].reached)]


def _demotions(known: Mapping[str, Member], down: Sequence[str]) -> list[Step]:
    of_swarm = [known[name] for name in down if known[name].manager or known[name].raft]
    return [_demote(one.name) for one in of_swarm if not one.lost]


def _promote(name: str) -> Step:
    return Step(
        id=f"promote-{name}",
        says=f"make {name} a manager",
        seconds=ROLE_SECONDS,
        back=f"make {name} a worker again",
    )


def _demote(name: str) -> Step:
    return Step(
        id=f"demote-{name}",
        says=f"make {name} a worker",
        seconds=ROLE_SECONDS,
        back=f"make {name} a manager again",
    )


def _file(says: str, back: str) -> Step:
    return Step(id="file", says=says, seconds=1.0, back=back)
