"""One run of a drill: look, foresee, guard, watch, break, watch, undo, see what is left.

The undo is armed before the fault, and held by somebody else; it is done in every end of a run,
and looked for afterwards.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from quorate.deploy.progress import Reporter
from quorate.drill import aim, fault, samples, vantage, verdict, writers, written
from quorate.drill.file import Drill
from quorate.drill.listening import Target, chosen
from quorate.drill.model import Agreement, Guard, Probed, Resilience, Run, Written
from quorate.drill.vantage import Probers
from quorate.drill.watch import Watch
from quorate.drill.writers import Writers
from quorate.errors import EngineError
from quorate.fleet.model import Fleet
from quorate.fleet.observed import Snapshot
from quorate.lab import keeper
from quorate.lab.state import Lab
from quorate.observe.connect import Connections
from quorate.observe.snapshot import observe
from quorate.observe.whereabouts import where_now
from quorate.plan.model import LossOutcome, Plan
from quorate.plan.scene import scene
from quorate.plan.survive import replay
from quorate.predict.behaviours import behaviours
from quorate.predict.losses import Losses
from quorate.predict.model import Failure
from quorate.tools import clock

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

LOOK_SECONDS = 0.25
CHECK_SECONDS = 1.0
"""Between two looks at the probes and the keeper, while the fault lasts."""
BACK_SECONDS = 180.0
SINGLE_SECONDS = 30.0
COURSES = 400
FEWEST = 100
"""Probes of a service before its share of errors says anything."""
LAB_BOOT = (0.0, 1.5)
"""Seconds until what runs in a lab answers: Debian's programs with little data, and stand-ins."""
STAMP = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all runs of a drill have in common.

    `plan` with the pools; where services are is looked up before each run. `directory` for
    raw samples. `token`: servers named as those whose loss may cost the quorum.
    """

    fleet: Fleet
    lab: Lab
    plan: Plan
    drill: Drill
    seed: int
    directory: Path
    token: tuple[str, ...] = ()


@dataclass(kw_only=True)
class _Course:
    """A fault under way, or over. `began` in seconds since 1970."""

    began: float = 0.0
    lasted: float = 0.0
    aborted: list[str] = field(default_factory=list)
    undone_by: str = ""


@dataclass(frozen=True, kw_only=True)
class _Asking:
    """What asks, and what writes, all the while."""

    probers: Probers
    writers: Writers


@dataclass(frozen=True, kw_only=True)
class _Answers:
    """What they were told."""

    probes: tuple[Probed, ...]
    writes: tuple[Written, ...]


class Once:
    """One run, step by step."""

    def __init__(self, setting: Setting, number: int, before: Snapshot, report: Reporter) -> None:
        self.setting, self.number, self.before, self.report = setting, number, before, report
        self.random = Random(f"{setting.seed} {number}")
        self.hit = aim.targets(
            setting.drill.target, setting.fleet, before, lambda names: self.random.choice(names)
        )
        self.directory = setting.directory / f"run-{number}"
        self.watch = Watch(setting.fleet, before, self.hit)
        self.failure, self.outcome = self._foresee()

    def _foresee(self) -> tuple[Failure, LossOutcome]:
        fleet = self.setting.fleet
        start = scene(fleet, placed(self.setting.plan, fleet, self.before))
        manners = {
            name: replace(manner, boot=LAB_BOOT) for name, manner in behaviours(fleet).items()
        }
        losses = Losses(start, seed=self.setting.seed, courses=COURSES, manners=manners)
        leader = self.watch.leader or fleet.managers[0].name
        return losses.lose(self.hit, leader=leader), replay(start, self.hit)

    @property
    def _predicted(self) -> Failure | None:
        """What was foreseen; None for faults of which the model knows nothing."""
        return self.failure if self.setting.drill.fault.takes_away else None

    @property
    def _lost(self) -> bool:
        """Whether the target is lost to the swarm: it was meant to be, or has been taken for it."""
        return self.setting.drill.fault.takes_away or self.watch.noticed is not None

    @property
    def _moving(self) -> bool:
        """Whether what the target ran is to be replaced."""
        return self._lost and self.outcome.quorum

    def go(self) -> Run:
        """Do it.

        Raises:
            LabError: the lab, the keeper or the probes would not; whatever was done is undone.
            LockedError: another drill is under way.
        """
        drill, fleet = self.setting.drill, self.setting.fleet
        self.report.phase(f"run {self.number}: {drill.fault.words}: {', '.join(self.hit)}")
        found = aim.guards(
            drill, fleet, self.before, self.hit, self.outcome, token=self.setting.token
        )
        refused = [f"{guard.name}: {guard.text}" for guard in found if guard.holds is not True]
        if refused:
            return self._invalid(found, refused)
        fault.possible(self.setting.lab, drill.fault, self.hit)
        self.directory.mkdir(parents=True, exist_ok=True)
        digest = self._write_prediction()
        stay = fleet.model_copy(
            update={"servers": tuple(s for s in fleet.servers if s.name not in self.hit)}
        )
        asking = self._asking([server.name for server in stay.servers])
        there: dict[int, frozenset[str] | None] = {}
        with Connections(stay) as connections:
            client = connections.manager().client
            try:
                asking.probers.start()
                asking.writers.start()
                unsteady = self._unsteady(asking)
                if unsteady:
                    return self._invalid(found, unsteady)
                course = self._break(client, asking)
                away = self._until_back(client)
                self._until_single(client, asking.writers.plan.targets)
            finally:
                asking.probers.stop()
                asking.writers.stop()
                there = writers.collect(self.setting.lab)
        return self._told(found, digest, course, self._answers(asking, course, there), away)

    def _asking(self, stay: Sequence[str]) -> _Asking:
        drill, fleet, lab = self.setting.drill, self.setting.fleet, self.setting.lab
        hit = sorted(self.watch.affected, key=lambda name: name not in self.watch.movable)
        targets = chosen(fleet, drill.probes.services, hit)
        stores = written.chosen(fleet, drill.probes.writes, hit, upstream=lab.upstream)
        run = f"{self.setting.directory.name}:{self.number}"
        return _Asking(
            probers=Probers(lab, self._plan(targets, stay), self.directory),
            writers=Writers(lab, self._plan(stores, stay), self.directory, run),
        )

    def _plan(self, targets: tuple[Target, ...], stay: Sequence[str]) -> vantage.Plan:
        drill = self.setting.drill
        images = {service.id: service.image for service in self.setting.fleet.services}
        return vantage.Plan(
            targets=targets,
            networks=vantage.networks_of(self.before, targets, stay),
            image=images[targets[0].service] if targets else "",
            rate=drill.probes.per_second,
            seconds=drill.steady.window + drill.lease + BACK_SECONDS + 120.0,
            drill=drill.drill,
            addresses={node.server: node.address for node in self.setting.lab.nodes},
        )

    def _unsteady(self, asking: _Asking) -> list[str]:
        """Watch while nothing is broken; what is not as it must be."""
        steady = self.setting.drill.steady
        self.report.note(f"watching for {steady.window:g} s that all is steady")
        since = time.time()
        clock.sleep(steady.window)
        found = []
        probers = asking.probers
        for server in probers.servers:
            seen = probers.recent(server, since=since)
            for number in probers.plan.asked(server):
                target = probers.plan.targets[number]
                share = samples.availability([s for s in seen if s.target == number])
                if share < steady.availability:
                    asked = f"{target.kind} {target.host}:{target.port} from {server}"
                    found.append(f"{target.service} answered {share:.0%} of probes ({asked})")
        return found + [
            f"{each.service} acknowledged {each.share:.0%} of writes"
            for each in self._writes(asking, {}, since, time.time(), only=since)
            if each.share < steady.availability and not each.refused
        ]

    def _break(self, client: DockerClient, asking: _Asking) -> _Course:
        """Arm the undo, make the fault, watch it, undo it."""
        drill, lab = self.setting.drill, self.setting.lab
        undo = fault.undoing(lab, drill.fault.kind, self.hit)
        if drill.repeat.phase == "random":
            clock.sleep(self.random.uniform(0.0, self.setting.fleet.swarm.heartbeat))
        keeper.arm(lab, drill=drill.drill, undo=undo, lease=drill.lease)
        course = _Course()
        try:
            first = time.time()
            fault.begin(lab, drill.fault, self.hit)
            # Silence falls somewhere between asking for the fault and hearing that it is made.
            course.began = (first + time.time()) / 2
            self.report.note(f"broken; undone after {drill.fault.duration:g} s")
            self._observe(client, asking, course)
        finally:
            course.lasted = time.time() - course.began if course.began else 0.0
            self.report.note("undoing the fault")
            if keeper.undo(lab):
                course.undone_by = course.undone_by or "the drill"
        return course

    def _observe(self, client: DockerClient, asking: _Asking, course: _Course) -> None:
        """Look until the fault has lasted long enough, or something says to end it."""
        over = threading.Event()
        looking = threading.Thread(target=self._look, args=(client, course, over), daemon=True)
        looking.start()
        try:
            self._wait(asking, course)
        finally:
            over.set()
            looking.join(LOOK_SECONDS)

    def _look(self, client: DockerClient, course: _Course, over: threading.Event) -> None:
        """Take in what is seen, in a thread of its own: without a leader a call hangs for 20 s."""
        while not over.wait(LOOK_SECONDS):
            # While the managers elect a leader nothing can be seen.
            with suppress(EngineError):
                seen, at = observe(client), time.time() - course.began
                if not over.is_set():
                    self.watch.see(seen, at)

    def _wait(self, asking: _Asking, course: _Course) -> None:
        checked = told = 0.0
        while (at := time.time() - course.began) < self.setting.drill.fault.duration:
            if at - checked >= CHECK_SECONDS:
                checked = at
                course.aborted = self._aborting(asking, course, at)
                if course.aborted:
                    return
            if len(self.watch.running) > told:
                told = len(self.watch.running)
                self.report.progress(int(told), len(self.watch.movable), f"back {at:.1f} s")
            clock.sleep(LOOK_SECONDS)

    def _aborting(self, asking: _Asking, course: _Course, at: float) -> list[str]:
        if keeper.holder(self.setting.lab) is None:
            over = at >= self.setting.drill.lease
            course.undone_by = "the lease's end" if over else "somebody: `quorate drill stop`"
            return [f"undone by {course.undone_by}"]
        abort = self.setting.drill.abort
        found = []
        for name in self.watch.movable:
            if at > abort.downtime and name not in self.watch.running and self._moving:
                found.append(f"{name} has not been whole for {at:.0f} s")
        for each in self._figures(asking.probers, course):
            errors = each.failed / each.sent if each.sent >= FEWEST else 0.0
            if each.bystander and errors > abort.bystander_errors:
                found.append(
                    f"{each.service}, which should notice nothing, fails at {each.vantage}"
                )
        if abort.lost_writes == "any":
            found += asking.writers.missing()
        return found

    def _answers(
        self, asking: _Asking, course: _Course, there: Mapping[int, frozenset[str] | None]
    ) -> _Answers:
        ended = course.began + course.lasted
        return _Answers(
            probes=self._figures(asking.probers, course),
            writes=self._writes(asking, there, course.began, ended),
        )

    def _writes(
        self,
        asking: _Asking,
        there: Mapping[int, frozenset[str] | None],
        began: float,
        ended: float,
        *,
        only: float = 0.0,
    ) -> tuple[Written, ...]:
        """What became of the writes due at `only` or later."""
        seen = [
            [write for write in asking.writers.writes(server) if write.due >= only]
            for server in asking.writers.servers
        ]
        targets = asking.writers.plan.targets
        return written.written(targets, seen, there, began=began, ended=ended)

    def _figures(self, probers: Probers, course: _Course) -> tuple[Probed, ...]:
        touched = {fate.service for fate in self.failure.fates}
        bystanders = frozenset(t.service for t in probers.plan.targets) - touched
        ended = course.began + (course.lasted or time.time() - course.began)
        return tuple(
            each
            for server in probers.servers
            for each in samples.probed(
                probers.samples(server),
                probers.plan.targets,
                vantage=server,
                began=course.began,
                ended=ended,
                bystanders=bystanders,
            )
            if each.sent
        )

    def _until_back(self, client: DockerClient) -> list[str]:
        """Wait until every server is back in the swarm; those that are not in time, in words."""
        self.report.note("waiting until every server is back")
        deadline = clock.monotonic() + BACK_SECONDS
        away: list[str] = ["the swarm"]
        while clock.monotonic() < deadline:
            try:
                seen = observe(client)
                away = [n.hostname for n in seen.nodes if not (n.ready and n.reached)]
            except EngineError:
                away = ["the swarm"]
            if not away:
                break
            clock.sleep(CHECK_SECONDS)
        return [f"{name} is not back after {BACK_SECONDS:.0f} s" for name in away]

    def _until_single(self, client: DockerClient, stores: Sequence[Target]) -> None:
        """Wait until none of what was written to runs twice: one of the two would be read back."""
        hosts = {target.host for target in stores}
        deadline = clock.monotonic() + SINGLE_SECONDS
        while hosts and clock.monotonic() < deadline:
            with suppress(EngineError):
                seen = observe(client)
                ids = {service.id for service in seen.services if service.name in hosts}
                if not any(
                    task.service_id in ids and task.state == "running" != task.desired_state
                    for task in seen.tasks
                ):
                    return
            clock.sleep(CHECK_SECONDS)

    def _write_prediction(self) -> str:
        if self._predicted is None:
            return ""
        text = self._predicted.model_dump_json(indent=2) + "\n"
        (self.directory / "prediction.json").write_text(text)
        return hashlib.sha256(text.encode()).hexdigest()

    def _invalid(self, found: Sequence[Guard], why: Sequence[str]) -> Run:
        return Run(
            number=self.number,
            target=self.hit,
            leader=self.watch.leader,
            prediction=self._predicted,
            guards=tuple(found),
            resilience=Resilience.INVALID,
            why=tuple(why),
        )

    def _told(
        self,
        found: Sequence[Guard],
        digest: str,
        course: _Course,
        answers: _Answers,
        away: Sequence[str],
    ) -> Run:
        watch, quorum = self.watch, self.outcome.quorum
        # Where nothing was to be lost, and nothing was, what ran there goes on.
        services = watch.recovered(self._predicted) if self._lost else ()
        phases = watch.phases(self._predicted)
        stood, why = verdict.resilience(
            self.setting.drill, services, answers.probes, answers.writes, quorum=quorum
        )
        foreseen, off = verdict.agreement(phases, services, watch.misled)
        if course.aborted:
            stood, why, foreseen, off = Resilience.ABORTED, (), Agreement.NONE, ()
        left = [*away, *fault.leftovers(self.setting.lab)]
        if left and not course.aborted:
            stood = Resilience.FAILED
        return Run(
            number=self.number,
            target=self.hit,
            leader=watch.leader,
            began=_stamp(course.began),
            undone=_stamp(course.began + course.lasted),
            lasted=round(course.lasted, 2),
            noticed=_rounded(watch.noticed),
            new_leader=_rounded(watch.new_leader) if watch.leader in self.hit else None,
            prediction=self._predicted,
            prediction_digest=digest,
            phases=phases,
            services=services,
            probes=answers.probes,
            writes=answers.writes,
            beats=tuple(watch.beats),
            guards=tuple(found),
            resilience=stood,
            agreement=foreseen,
            why=(*course.aborted, *why, *off, *(f"left behind: {each}" for each in left)),
            undone_by=course.undone_by,
            misled=watch.misled,
            left_behind=tuple(left),
            samples=str(self.directory),
        )


def placed(plan: Plan, fleet: Fleet, seen: Snapshot) -> Plan:
    """The plan with services where they are, rather than at home."""
    services = dict(plan.services)
    for name, at in where_now(fleet, seen).items():
        if all(at) and name in services:
            services[name] = services[name].model_copy(update={"homes": at, "home": at[0]})
    return plan.model_copy(update={"services": services})


def _stamp(at: float) -> str:
    return time.strftime(STAMP, time.gmtime(at)) if at else ""


def _rounded(at: float | None) -> float | None:
    return round(at, 2) if at is not None else None
