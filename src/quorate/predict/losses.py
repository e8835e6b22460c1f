"""The loss of servers, predicted: many courses of it, and what they have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import inf
from random import Random

from quorate.fleet.model import Engine, Fleet, Mode, Service
from quorate.plan.aftermath import reached, users
from quorate.plan.model import LossOutcome
from quorate.plan.scene import Scene
from quorate.plan.survive import replay
from quorate.predict.behaviours import behaviours, timing
from quorate.predict.jobs import troubles
from quorate.predict.model import After, Failure, Fate, Span
from quorate.predict.ports import closed
from quorate.predict.storage import storage_servers
from quorate.predict.words import name_of, remedy_of
from quorate.swarm.detect import detect
from quorate.swarm.failure import Course, follow
from quorate.swarm.outcomes import Certainty
from quorate.swarm.timing import Behaviour, Timing

COURSES = 200
"""Enough for a span of nine tenths."""


class Losses:
    """Losses of one deployed plan; what is the same for all of them is worked out once.

    Args:
        clock: Swarm's constants of time; None: as the fleet file says.
        manners: service id → how its tasks come up; None: as the compose files say.
        drained: managers that the fleet does not have, as they take no tasks; they elect, may
            lead, and may be lost.
        closed: engines stop, and their machines go on and refuse what is asked of them.
    """

    def __init__(
        self,
        start: Scene,
        *,
        seed: int = 0,
        courses: int = COURSES,
        clock: Timing | None = None,
        manners: Mapping[str, Behaviour] | None = None,
        drained: Sequence[str] = (),
        closed: bool = False,
    ) -> None:
        self.start, self.seed, self.courses = start, seed, courses
        self.fleet: Fleet = start.fleet
        self.timing: Timing = timing(start.fleet) if clock is None else clock
        self.behaviours: Mapping[str, Behaviour] = (
            behaviours(start.fleet) if manners is None else manners
        )
        self.replaced = {
            name: places for name, places in start.homes.items() if name in start.replaced
        }
        self.users = users(start.fleet)
        self.storage = storage_servers(start.fleet)
        self.nodes = [server.name for server in self.fleet.servers]
        self.managers = [server.name for server in self.fleet.managers] + list(drained)
        self.drained = frozenset(drained)
        self.closed = closed

    def lose(self, servers: Iterable[str], *, leader: str, apart: tuple[str, ...] = ()) -> Failure:
        """What comes of losing servers at once while `leader` leads the managers.

        With `apart` they run on, cut off from those: what is replaced there then runs twice.
        """
        lost = tuple(servers)
        outcome = replay(self.start, lost)
        found = self.follow(lost, leader=leader)
        leaderless = [without_leader(course) for course in found]
        fates = tuple(self._fates(lost, outcome, found, apart=bool(apart), leader=leader))
        return Failure(
            name=name_of(lost, leader, apart, quorum=outcome.quorum),
            servers=lost,
            apart=apart,
            doubled=tuple(sorted(outcome.moved)) if apart and outcome.quorum else (),
            leader=leader,
            quorum=outcome.quorum,
            remedy="" if outcome.quorum else remedy_of(self.managers, lost, apart),
            noticed=span_of(
                max((course.detection.down.get(name, inf) for name in lost), default=inf)
                for course in found
            ),
            restored=span_of(_restored(course, outcome) for course in found)
            if outcome.moved and outcome.quorum
            else None,
            leaderless=span_of(leaderless) if any(leaderless) else None,
            misled=_misled(found),
            fates=fates,
            ports=() if apart else tuple(closed(self.start, lost, fates)),
            overfull=outcome.overfull,
            courses=self.courses,
            sampled=outcome.sampled,
        )

    def follow(self, lost: tuple[str, ...], *, leader: str, still: float = inf) -> list[Course]:
        """The courses of a loss, each as it may go; the same for the same seed.

        `still`: they only stand still, and go on after so many seconds.
        """
        # Its own numbers: a failure is predicted alike whatever else is asked.
        random = Random(f"{self.seed} {leader} {' '.join(sorted(lost))}")
        return [self._course(lost, leader, random, still) for _ in range(self.courses)]

    def answers(self, lost: tuple[str, ...], found: Iterable[Course]) -> list[dict[str, float]]:
        """For each course: service that stops or needs one → seconds until it answers, or inf."""
        _, stops = self.struck(lost)
        stored = self.stored(lost)
        return [self._answers(course, stops, stored) for course in found]

    def cut(self, lost: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        """The services that a loss makes stop, or cuts off from those that do → these, sorted."""
        stops = self.struck(lost)[1] | self.stored(lost)
        return {name: (name,) for name in sorted(stops)} | {
            name: needed for name, needed in self.through(stops).items() if name not in stops
        }

    def struck(self, lost: tuple[str, ...]) -> tuple[dict[str, int], set[str]]:
        """Service → its tasks that are lost; and the services of which none is left."""
        numbers = {self.start.board.number(name) for name in lost if name not in self.drained}
        hit = {
            name: sum(tasks for number, tasks in places.items() if number in numbers)
            for name, places in self.start.homes.items()
        }
        stops = {
            name
            for name, places in self.start.homes.items()
            if hit[name] and set(places) <= numbers
        }
        return hit, stops

    def stored(self, lost: Iterable[str]) -> set[str]:
        """The services whose shared volumes are on a server that is lost."""
        gone = set(lost)
        return {
            name
            for name, servers in self.storage.items()
            if name in self.start.homes and not gone.isdisjoint(servers)
        }

    def _course(self, lost: tuple[str, ...], leader: str, random: Random, still: float) -> Course:
        seen = detect(
            self.nodes,
            self.managers,
            leader=leader,
            lost=lost,
            random=random,
            timing=self.timing,
            closed=self.closed,
            still=still,
        )
        return follow(
            self.start.board.copy(),
            self.replaced,
            seen,
            random=random,
            behaviours=self.behaviours,
            timing=self.timing,
        )

    def _fates(
        self,
        lost: tuple[str, ...],
        outcome: LossOutcome,
        found: list[Course],
        *,
        apart: bool,
        leader: str,
    ) -> Iterable[Fate]:
        hit, stops = self.struck(lost)
        stored = self.stored(lost)
        times = [self._answers(course, stops, stored) for course in found]
        stops |= stored
        through = self.through(stops)
        for service in self.fleet.services:
            name = service.id
            if name not in self.start.homes:
                continue
            # What is cut off runs on, a job's task as well.
            hung, elected = bool(hit[name]) and not apart, leader in lost and outcome.quorum
            job = troubles(service, self.fleet, lost=hung, elected=elected)
            if hit[name] or name in stops or through.get(name) or job:
                fate = self._fate(service, hit[name], stops, through, outcome, found, times)
                at = tuple(server for server in self.storage.get(name, ()) if server in lost)
                yield fate.model_copy(update={"storage": at, "job": job})

    def _fate(
        self,
        service: Service,
        lost: int,
        stops: set[str],
        through: Mapping[str, tuple[str, ...]],
        outcome: LossOutcome,
        found: list[Course],
        times: list[dict[str, float]],
    ) -> Fate:
        name = service.id
        goes = self.places(name, outcome, found) if outcome.quorum else ()
        sure = len(goes) == 1 and name not in outcome.at_risk
        empty = tuple(v.source or v.target for v in service.volumes if v.local_data)
        moved = [[task for task in course.moved if task.service == name] for course in found]
        everywhere = name in self.start.everywhere
        return Fate(
            service=name,
            workload_class=service.workload_class,
            tasks=sum(self.start.homes[name].values()),
            lost=lost,
            stops=name in stops,
            answers=span_of(each.get(name, 0.0) for each in times),
            starts=span_of(_latest(task.started for task in tasks) for tasks in moved)
            if lost and not everywhere
            else None,
            whole=span_of(_latest(task.running for task in tasks) for tasks in moved)
            if lost and not everywhere
            else None,
            goes_to={p: Certainty.ALWAYS if sure else Certainty.SOMETIMES for p in goes},
            pending=_pending(name, outcome),
            waits=name in outcome.waits,
            empty=empty if goes else (),
            through=through.get(name, ()),
            after=self.after(name, outcome) if lost else None,
        )

    def places(
        self, name: str, outcome: LossOutcome, found: Iterable[Course], until: float = inf
    ) -> tuple[str, ...]:
        """Where lost tasks of a service may go, in the fleet's order.

        More than where they go while every server that is left takes tasks: after an election one
        that is not back with the new leader takes none, and may be taken for lost itself.

        Args:
            until: what is lost from then on, in seconds, is not counted.
        """
        went = {
            task.to
            for course in found
            for task in course.moved
            if task.service == name and task.down < until
        }
        may = went.union(outcome.moved.get(name, ()))
        return tuple(node for node in self.nodes if node in may)

    def after(self, name: str, outcome: LossOutcome) -> After:
        """What becomes of a service's lost tasks once the servers are back."""
        if not outcome.quorum:
            return After.HOME
        if name in self.start.replaced:
            return After.AWAY if name in outcome.moved else After.HOME
        return After.ENDED if self.ends(name) else After.HOME

    def ends(self, name: str) -> bool:
        """Whether a lost task is replaced by nothing, not even when its server is back.

        What runs on every server does, and stacks under docker compose; a job is tried again.
        """
        service = self.start.services[name]
        once = service.engine is Engine.SWARM and service.mode is Mode.REPLICATED
        return once and name not in self.start.replaced

    def _answers(self, course: Course, stops: set[str], stored: set[str]) -> dict[str, float]:
        """Service → seconds until it answers again in one course; those that never stop are out.

        Not by itself where its storage is gone (`stored`), wherever it runs.
        """
        first = dict.fromkeys(stops | stored, inf)
        for task in course.moved:
            if task.service in stored:
                continue
            if task.service in first and task.running is not None:
                first[task.service] = min(first[task.service], task.running)
        return self.reach(first)

    def reach(self, first: Mapping[str, float]) -> dict[str, float]:
        """Service → when it answers: these and those that need them; seconds until each runs."""
        # A service answers no sooner than what it needs does, through any number of others.
        times: dict[str, float] = {}
        ahead = sorted(first.items(), key=lambda item: -item[1])
        while ahead:
            name, at = ahead.pop()
            if times.get(name, -1.0) >= at:
                continue
            times[name] = at
            ahead += [(user, at) for user in self.users.get(name, ())]
        return times

    def through(self, stops: set[str]) -> dict[str, tuple[str, ...]]:
        """Service → the services that stop and that it needs, directly or through others."""
        found: dict[str, set[str]] = {}
        for stopped in stops:
            for user in reached(self.users, (stopped,)):
                found.setdefault(user, set()).add(stopped)
        return {name: tuple(sorted(needed)) for name, needed in found.items()}


def without_leader(course: Course) -> float:
    """Seconds without a leader; 0 where one led all the time, inf where none comes."""
    changes = course.detection.leaders
    total, since = 0.0, None
    for change in changes:
        if change.leader is None:
            since = change.at
        elif since is not None:
            total, since = total + change.at - since, None
    return inf if since is not None else total


def _misled(found: list[Course]) -> dict[str, float]:
    """Server that is there → in which share of courses it is taken for lost."""
    wrong = Counter(name for course in found for name in course.detection.misled)
    return {name: round(wrong[name] / len(found), 3) for name in sorted(wrong)}


def _restored(course: Course, outcome: LossOutcome) -> float:
    """Seconds until the last task that finds a place runs; those that find none are left out."""
    times = (task.running for task in course.moved if task.service in outcome.moved)
    return max((time for time in times if time is not None), default=inf)


def _latest(times: Iterable[float | None]) -> float:
    return max((inf if time is None else time for time in times), default=inf)


def span_of(times: Iterable[float]) -> Span | None:
    """The shortest span that holds nine tenths of times; None where any of them is without end."""
    found = sorted(times)
    if not found or found[-1] == inf:
        return None
    kept = len(found) - 2 * (len(found) // 20)
    spans = zip(found, found[kept - 1 :], strict=False)
    low, high = min(spans, key=lambda span: span[1] - span[0])
    return Span(low=round(low, 2), mean=round(sum(found) / len(found), 2), high=round(high, 2))


def _pending(name: str, outcome: LossOutcome) -> Certainty:
    if name in outcome.pending:
        return Certainty.ALWAYS
    return Certainty.SOMETIMES if name in outcome.at_risk else Certainty.NEVER
