"""How a swarm without a quorum is brought back, chosen from what was seen. Pure.

Invariant: a new cluster is forced only where the managers that answer, or whose machines do, are
too few to elect a leader, and none of them but the one it is forced on has its engine running by
then. What can come back without loss comes back that way.

The entries of the managers that are gone stay in the swarm until they are back: raft then knows
them as removed members, and whoever asks it for a vote is told so and stops. Removed from the
list of nodes they would be refused before that (swarmkit blacklists their certificates), never
hear of it, and two of them might elect one another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from quorate.errors import MachineError, NoQuorumError, RefusedError, UnreachableError, UsageError
from quorate.recover.model import Operation, Step
from quorate.recover.quorum.model import ERROR, INACTIVE, LOCKED, Listed, Seen, Sight
from quorate.recover.quorum.raftlog import Reach

KIND = "recover quorum"
UNREAD = Reach(least=True)
START_SECONDS, ELECT_SECONDS, FORCE_SECONDS, JOIN_SECONDS = 8.0, 25.0, 40.0, 8.0
CHECK_SECONDS = 40.0


def choose(sight: Sight, *, now: str, without: Sequence[str] = ()) -> Operation | None:
    """The steps to a swarm that works with all its managers; None where nothing is to be done.

    Args:
        now: the time, which marks a cluster that is forced.
        without: servers (or addresses of managers) that are given up, though they answer.

    Raises:
        RefusedError: what is seen forbids it: two swarms work, a lost manager lives, one is locked.
        UsageError: a server is given up that the fleet does not have, or that works.
        UnreachableError, MachineError: nothing is left to recover from.
    """
    leader = authority(sight)
    if leader is not None:
        return _coming_back(sight, leader)
    _check_given_up(sight, without)
    managers = _managers(sight)
    usable = [one for one in managers if one.server not in without and one.state != LOCKED]
    locked = [one for one in managers if one.server not in without and one.state == LOCKED]
    needed = majority(managers)
    if len(usable) >= needed:
        return _restart(sight, usable)
    if locked:
        raise _locked(locked)
    if not usable:
        raise _nothing_left(sight)
    _refuse_living(sight, without)
    return _force(sight, managers, usable, now, without)


def majority(managers: Sequence[Seen]) -> int:
    """How many managers elect a leader, by what the managers know of each other.

    The smallest that any of them knows of, so that a leader is rather waited for than a cluster
    forced; where nobody tells, those that are there are taken for enough.
    """
    known = [len(one.peers) for one in managers if one.peers]
    return min(known, default=len(managers)) // 2 + 1


def authority(sight: Sight) -> Seen | None:
    """The manager that works and whose swarm counts; None where none works.

    Of two swarms that work, the one that was forced last: whoever is in the other was given up.

    Raises:
        RefusedError: two swarms work, and neither was forced by Quorate after the other.
    """
    working = [one for one in sight.servers if one.works]
    if not working:
        return None
    best = max(working, key=lambda one: (one.forced, sum(node.reached for node in one.listed)))
    for other in working:
        apart = _node(best, other) is None or _node(other, best) is None
        if apart and other.forced == best.forced and other is not best:
            raise RefusedError(
                f"two swarms work: {best.server} is in one, {other.server} in another",
                cause="a new cluster was forced by hand, or they were parted while both had "
                "enough managers",
                todo="choose one; on the servers of the other: `docker swarm leave --force`, then "
                "run this again",
            )
    return best


def stand_ins(sight: Sight, survivor: Seen, rejoining: Iterable[str]) -> tuple[str, ...]:
    """Workers that become managers in place of the lost ones, so that their number is odd."""
    wanted = max(1, sum(one.leads for one in sight.servers))
    there = 1 + len(tuple(rejoining))
    workers = [
        one.server
        for one in sight.servers
        if one.runs and not one.manager and one.server != survivor.server
        and one.cluster in ("", survivor.cluster)
    ]  # fmt: skip
    total = min(wanted, there + len(workers))
    total -= total % 2 == 0
    return tuple(workers[: max(0, total - there)])


def _check_given_up(sight: Sight, without: Sequence[str]) -> None:
    known = {one.server: one for one in sight.servers}
    addresses = {*sight.alive, *(peer for one in sight.servers for peer in one.peers)}
    for name in without:
        if name not in known and name not in addresses:
            raise UsageError(
                f"the fleet has no server {name}", todo=f"name one of {', '.join(known)}"
            )
        seen = known.get(name)
        if seen is not None and seen.runs and seen.manager:
            raise RefusedError(
                f"{name} answers and is a manager of this swarm: it is not given up",
                cause="with it and another one there may be a leader, and nothing is lost",
                todo=f"run this without `--without {name}`; if its disk is damaged, stop its "
                "engine first",
            )


def _managers(sight: Sight) -> list[Seen]:
    """The managers that answer, or whose machines do, of one swarm.

    Raises:
        UnreachableError: no server answers. RefusedError: they are of two swarms.
        MachineError: no manager is among those that answer.
    """
    if not any(one.answers for one in sight.servers):
        raise UnreachableError(
            "no server of the fleet answers",
            cause="; ".join(f"{one.server}: {one.error}" for one in sight.servers) or None,
            todo="check the network here, and the power there",
        )
    managers = [one for one in sight.servers if one.manager and one.answers]
    clusters = {one.cluster for one in managers if one.cluster}
    if len(clusters) > 1:
        said = "; ".join(f"{one.server}: swarm {one.cluster or 'unknown'}" for one in managers)
        raise RefusedError(
            "the managers that answer are of different swarms",
            cause=said,
            todo="on those whose swarm is not needed: `docker swarm leave --force`",
        )
    if not managers:
        raise _nothing_left(sight)
    return managers


def _nothing_left(sight: Sight) -> MachineError:
    answering = ", ".join(one.server for one in sight.servers if one.answers)
    return MachineError(
        "no manager of the swarm is left to recover it from",
        cause=f"{answering} answer, and none of them has the swarm's log",
        todo="power a manager on, and run this again; if their disks are lost: on each server that "
        "is left `docker swarm leave --force`, then `quorate up` makes a new swarm",
    )


def _locked(locked: Sequence[Seen]) -> RefusedError:
    names = ", ".join(one.server for one in locked)
    return RefusedError(
        f"the swarm on {names} is locked: with it the managers may elect a leader again",
        cause="autolock is on, and its engine was started anew",
        todo=f"on {names}: `docker swarm unlock`, then run this again; if the key is lost, give "
        f"it up with `--without {locked[0].server}`",
    )


def _refuse_living(sight: Sight, without: Sequence[str]) -> None:
    living = {at: who for at, who in sight.alive.items() if at not in without}
    if living:
        said = "; ".join(f"{at} answers {who}" for at, who in sorted(living.items()))
        raise RefusedError(
            "a manager that does not answer here is alive: no new cluster is forced beside it",
            cause=said,
            todo="make it answer ssh from here, or switch it off; if another machine has its "
            f"address now, say `--without {min(living)}`",
        )


def _restart(sight: Sight, usable: Sequence[Seen]) -> Operation:
    """Enough managers are there: those whose engine stands still are started, then they elect."""
    still = [one for one in usable if not one.runs]
    steps = [*(_start(one) for one in still), Step(
        id="elect",
        says=f"wait until {_names(usable)} have elected a leader",
        seconds=ELECT_SECONDS,
    )]  # fmt: skip
    return Operation(
        kind=KIND,
        subject="",
        fleet=sight.fleet,
        steps=(*steps, _labels(), _verify()),
        facts={"way": "restart", "restarted": [one.server for one in still]},
    )


@dataclass(frozen=True, kw_only=True)
class _Forcing:
    """A new cluster on `best`; `halted` have their engines stopped before, `back` join after.

    `unsure`: of those that join, who may know more than `best`.
    """

    best: Seen
    unsure: tuple[str, ...]
    halted: tuple[str, ...]
    back: tuple[str, ...]
    lost: tuple[str, ...]
    instead: tuple[str, ...]


def _force(
    sight: Sight, managers: Sequence[Seen], usable: Sequence[Seen], now: str, without: Sequence[str]
) -> Operation:
    best = max(usable, key=_fitness)
    back = tuple(one.server for one in usable if one is not best)
    lost = (one.server for one in sight.servers if one.leads and not one.answers)
    plan = _Forcing(
        best=best,
        unsure=tuple(n.server for n in usable if n is not best and (n.log or UNREAD).least),
        halted=tuple(one.server for one in managers if one is not best and one.engine),
        back=back,
        lost=tuple(dict.fromkeys([*lost, *(n for n in without if n not in sight.alive)])),
        instead=stand_ins(sight, best, back),
    )
    return Operation(
        kind=KIND,
        subject=best.server,
        fleet=sight.fleet,
        steps=_forcing_steps(plan),
        loses=_loses(plan),
        warnings=_warnings(plan),
        facts={
            "way": "force",
            "survivor": best.server,
            "address": best.address,
            "forced": now,
            "lost": list(plan.lost),
            "halted": list(plan.halted),
            "halted_at": [sight.of(name).address for name in plan.halted],
            "without": list(without),
            "needed": majority(managers),
            "instead": list(plan.instead),
        },
    )


def _fitness(one: Seen) -> tuple[tuple[int, int], bool, bool]:
    """The most advanced log; then what runs already; then who is to be a manager."""
    return ((one.log or UNREAD).order, one.runs, one.leads)


def _forcing_steps(plan: _Forcing) -> tuple[Step, ...]:
    best = plan.best.server
    steps = [] if plan.best.runs else [_start(plan.best)]
    for name in plan.halted:
        steps.append(Step(
            id=f"halt-{name}",
            says=f"stop the engine of {name}, so that {best} alone knows the swarm",
            seconds=START_SECONDS,
            back=f"start the engine of {name}",
        ))  # fmt: skip
    steps.append(Step(
        id="force",
        says=f"force a new cluster on {best}, with all that its log has: services, networks, "
        "secrets, configs",
        seconds=FORCE_SECONDS,
        final=True,
    ))  # fmt: skip
    steps += [_rejoin(name) for name in plan.back]
    if plan.instead:
        steps.append(Step(
            id="instead",
            says=f"make {_names_of(plan.instead)} "
            f"{'a manager' if len(plan.instead) == 1 else 'managers'} for the time being",
            seconds=JOIN_SECONDS * len(plan.instead),
        ))  # fmt: skip
    return (*steps, _labels(), _verify())


def _loses(plan: _Forcing) -> str:
    reach = plan.best.log
    later = " or later" if reach and reach.least else ""
    until = f" (its log ends at entry {reach.index}{later})" if reach else ""
    said = (
        "what was changed in the swarm in its last moments and had not reached "
        f"{plan.best.server}{until}"
    )
    if plan.lost:
        said += f"; data on {_names_of(plan.lost)} comes back only with them, or from copies"
    return said


def _warnings(plan: _Forcing) -> tuple[str, ...]:
    found = []
    if plan.lost:
        found.append(
            f"{_names_of(plan.lost)} must be off, or out of reach for good: where they run unseen, "
            "there are two swarms. When they are back, run this again at once: they join anew"
        )
    if plan.unsure:
        found.append(
            f"how far the log of {_names_of(plan.unsure)} reaches is not known: it may have what "
            f"{plan.best.server} lacks. Look again before you agree: it may be read then"
        )
    managers = (plan.best.server, *plan.back, *plan.instead)
    if len(managers) == 1:
        found.append(f"{plan.best.server} is then the only manager: its loss stops the swarm again")
    elif len(managers) % 2 == 0:
        found.append(
            f"{_names_of(managers)} are then the managers, an even number: the loss of "
            f"{len(managers) // 2} of them stops the swarm again"
        )
    return tuple(found)


def _coming_back(sight: Sight, leader: Seen) -> Operation | None:
    """The swarm works: what is in none, or in one that was given up, joins it anew."""
    strangers = [
        one for one in sight.servers
        if one.engine and one.cluster and leader.cluster and one.cluster != leader.cluster
    ]  # fmt: skip
    if strangers:
        raise RefusedError(
            f"{_names(strangers)} belong to another swarm than {leader.server}",
            cause="; ".join(f"{one.server}: swarm {one.cluster}" for one in strangers),
            todo="on those servers: `docker swarm leave --force`, if that swarm is not needed",
        )
    outside = [one for one in sight.servers if one.engine and not _belongs(one, leader)]
    stopped = [
        one for one in sight.servers
        if one.ssh and not one.engine and one.node and (one.manager or _node(leader, one) is None)
    ]  # fmt: skip
    outside += [one for one in stopped if not _belongs(one, leader)]
    roles = _roles(sight, leader, {one.server for one in (*outside, *stopped)})
    if not outside and not stopped and not roles.any:
        return None
    steps = [_start(one) for one in stopped]
    steps += [_rejoin(one.server, state=one.state) for one in outside]
    if roles.any:
        steps.append(Step(id="roles", says=roles.words, seconds=JOIN_SECONDS))
    return Operation(
        kind=KIND,
        subject="",
        fleet=sight.fleet,
        steps=(*steps, _labels(), _verify()),
        warnings=_split(sight, leader),
        facts={
            "way": "return",
            "survivor": leader.server,
            "forced": leader.forced,
            "back": [one.server for one in outside],
            "promote": list(roles.promote),
            "demote": list(roles.demote),
        },
    )


@dataclass(frozen=True, kw_only=True)
class _Roles:
    """Managers of the fleet file that Swarm has as workers, and stand-ins that are no longer
    needed."""

    promote: tuple[str, ...]
    demote: tuple[str, ...]

    @property
    def any(self) -> bool:
        return bool(self.promote or self.demote)

    @property
    def words(self) -> str:
        said = []
        if self.promote:
            said.append(f"make {_names_of(self.promote)} a manager again")
        if self.demote:
            said.append(f"make {_names_of(self.demote)} a worker again")
        return "; ".join(said)


def _roles(sight: Sight, leader: Seen, back: set[str]) -> _Roles:
    """After a cluster was forced: as the fleet file says, stand-ins as long as they are needed.

    Args:
        back: servers that are about to be in the swarm, in the role of the fleet file.
    """
    if not leader.forced:
        return _Roles(promote=(), demote=())
    listed = {one.server: _node(leader, one) for one in sight.servers}
    promote = tuple(
        one.server for one in sight.servers
        if one.leads and one.server not in back
        and (node := listed[one.server]) is not None and not node.manager and node.ready
    )  # fmt: skip
    leading = sum(
        one.leads and (one.server in back or one.server in promote or _leads_there(one, leader))
        for one in sight.servers
    )
    extra = [
        one.server for one in sight.servers
        if not one.leads and (node := listed[one.server]) is not None and node.manager
    ]  # fmt: skip
    wanted = max(1, sum(one.leads for one in sight.servers))
    needed = min(len(extra), max(0, wanted - leading))
    needed -= needed > 0 and (leading + needed) % 2 == 0
    return _Roles(promote=promote, demote=tuple(extra[needed:]))


def _split(sight: Sight, leader: Seen) -> tuple[str, ...]:
    """Told where a returned manager already leads a swarm of its own."""
    return tuple(
        f"{one.server} works in the swarm as it was before {leader.forced[:19]}: what it runs is "
        f"stopped, and what was changed there since is lost; volumes stay"
        for one in sight.servers
        if one.works and one.forced < leader.forced
    )


def _belongs(one: Seen, leader: Seen) -> bool:
    """Whether a server is in the swarm that counts, or on its way into it."""
    if one.server == leader.server:
        return True
    node = _node(leader, one)
    if node is not None and one.state == ERROR and not one.error:
        # Its engine may call one so for good that failed once and works (26.1.5).
        return node.ready and not node.manager
    if node is None or one.state in (INACTIVE, LOCKED, ERROR):
        return False
    if one.works:
        return one.forced == leader.forced
    # One of the swarm as it was is no member of the new one's raft, though it is listed.
    return node.member if node.manager else True


def _leads_there(one: Seen, leader: Seen) -> bool:
    """Whether a server is a manager of the swarm that counts, and reached."""
    node = _node(leader, one)
    return one.server == leader.server or (node is not None and node.member and node.reached)


def _node(leader: Seen, one: Seen) -> Listed | None:
    return next((node for node in leader.listed if node.id == one.node and one.node), None)


def _start(one: Seen) -> Step:
    verb = "restart" if one.engine else "start"
    return Step(
        id=f"start-{one.server}",
        says=f"{verb} the engine of {one.server}"
        + (f" ({one.error})" if one.engine and one.error else ""),
        seconds=START_SECONDS,
    )


def _rejoin(server: str, *, state: str = "") -> Step:
    joins = "joins" if state == INACTIVE else "leaves the swarm that was, and joins anew"
    return Step(id=f"rejoin-{server}", says=f"{server} {joins}", seconds=JOIN_SECONDS)


def _labels() -> Step:
    return Step(id="labels", says="put back the labels of the servers", seconds=2.0)


def _verify() -> Step:
    return Step(
        id="verify",
        says="wait until every service runs, its names are right and packets cross its networks",
        seconds=CHECK_SECONDS,
    )


def _names(seen: Iterable[Seen]) -> str:
    return _names_of(one.server for one in seen)


def _names_of(names: Iterable[str]) -> str:
    return ", ".join(names)


def no_leader(seen: Sequence[Seen]) -> NoQuorumError:
    """The error for managers that answer and elect nobody."""
    return NoQuorumError(
        f"{_names(seen)} answer, and elect no leader",
        cause="they do not reach each other, or the log of one is damaged",
        todo="port 2377/tcp must be open between them; where a disk is damaged, stop its engine "
        "and give it up: `quorate recover quorum --without SERVER`",
    )
