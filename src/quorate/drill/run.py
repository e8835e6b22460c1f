"""One run of a drill: look, foresee, guard, watch, break, watch, undo, see what is left.

The undo is armed before the fault, and held by somebody else; it is done in every end of a run,
and looked for afterwards.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING

from quorate.deploy.progress import Reporter
from quorate.drill import aim, standstill, verdict
from quorate.drill.asking import Asking
from quorate.drill.file import Kind
from quorate.drill.ground import Intent, Work
from quorate.drill.listening import Target
from quorate.drill.looks import Looks
from quorate.drill.model import Agreement, Guard, Probed, Resilience, Run
from quorate.drill.setting import Setting
from quorate.drill.watch import Watch
from quorate.errors import EngineError
from quorate.fleet.model import Fleet
from quorate.fleet.observed import Snapshot
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
SINGLE_SECONDS = 30.0
COURSES = 400
FEWEST = 100
"""Probes of a service before its share of errors says anything."""
STAMP = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(kw_only=True)
class _Course:
    """A fault under way, or over. `began` in seconds since 1970; `held`: who holds its undo."""

    began: float = 0.0
    lasted: float = 0.0
    aborted: list[str] = field(default_factory=list)
    undone_by: str = ""
    held: str = ""


class Once:
    """One run, step by step."""

    def __init__(self, setting: Setting, number: int, before: Snapshot, report: Reporter) -> None:
        self.setting, self.number, self.before, self.report = setting, number, before, report
        self.random = Random(f"{setting.seed} {number}")
        self.hit = aim.targets(
            setting.drill.target, setting.fleet, before, lambda names: self.random.choice(names)
        )
        self.directory = setting.directory / f"run-{number}"
        self.ground = setting.ground
        self.kind = setting.drill.fault.kind
        # What stands still takes nothing from its server but itself.
        self.taken = () if self.kind is Kind.FREEZE_SERVICE else self.hit
        self.watch = Watch(setting.fleet, before, self.taken)
        self.asking = self._asking()
        self.failure, self.outcome = self._foresee()
        self.work = Work(
            drill=setting.drill,
            hit=self.hit,
            before=before,
            quorum=self.outcome.quorum or not self.kind.takes_servers,
            token=setting.token,
            off=setting.off,
        )

    def _foresee(self) -> tuple[Failure, LossOutcome]:
        fleet = self.setting.fleet
        start = scene(fleet, placed(self.setting.plan, fleet, self.before))
        # What asks counts as tasks, too, and Swarm prefers servers with fewer: seen in a lab.
        names = [server.name for server in fleet.servers]
        for server, attached in self.asking.attached.items():
            start.board.crowd(names.index(server), attached)
        if self._frozen is not None:
            failure = standstill.standing(fleet, self.before, self._frozen, self.hit[0])
            return failure, replay(start, ())
        manners, boot = behaviours(fleet), self.ground.boot
        if boot is not None:
            manners = {name: replace(manner, boot=boot) for name, manner in manners.items()}
        losses = Losses(
            start,
            seed=self.setting.seed,
            courses=COURSES,
            manners=manners,
            closed=self.kind in (Kind.STOP_ENGINE, Kind.KILL_ENGINE),
        )
        leader = self.watch.leader or fleet.managers[0].name
        lost = losses.lose(self.hit, leader=leader)
        failure = standstill.drained(lost) if self.kind is Kind.DRAIN else lost
        return failure, replay(start, self.hit)

    @property
    def _frozen(self) -> str | None:
        """The service that is to stand still, where that is the fault."""
        return self.setting.drill.target.service if self.kind is Kind.FREEZE_SERVICE else None

    def _guards(self) -> tuple[Guard, ...]:
        return aim.guards(
            self.setting.drill,
            self.setting.fleet,
            self.before,
            self.taken,
            self.outcome,
            token=self.setting.token,
        )

    def intent(self) -> Intent:
        """What it would do; nothing is changed."""
        return Intent(
            drill=self.setting.drill.drill,
            fleet=self.setting.fleet.name,
            target=self.hit,
            effects=tuple(self.ground.effects(self.work)),
            guards=self._guards(),
            prediction=self._predicted,
            steps=tuple(self.ground.steps(self.work)),
        )

    @property
    def _predicted(self) -> Failure | None:
        """What was foreseen; None for faults of which the model knows nothing."""
        known = self.setting.drill.fault.takes_away or self._frozen is not None
        return self.failure if known else None

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
            LabError, MachineError: the ground, who is to hold the undo, or the probes would not;
                whatever was done is undone.
            RefusedError: it may not be done there. LockedError: another drill is under way.
        """
        drill, fleet = self.setting.drill, self.setting.fleet
        self.report.phase(f"run {self.number}: {drill.fault.words}: {', '.join(self.hit)}")
        self.ground.check(self.work)
        found = self._guards()
        refused = [f"{guard.name}: {guard.text}" for guard in found if guard.holds is not True]
        if refused:
            return self._invalid(found, refused)
        self.directory.mkdir(parents=True, exist_ok=True)
        digest = self._write_prediction()
        stay = fleet.model_copy(
            update={"servers": tuple(s for s in fleet.servers if s.name not in self.hit)}
        )
        asking = self.asking
        with Connections(stay) as connections:
            client = connections.manager().client
            try:
                asking.start()
                unsteady = self._unsteady(asking)
                if unsteady:
                    return self._invalid(found, unsteady)
                course = self._break(client, asking)
                away = self._until_back(client)
                self._until_single(client, asking.stores)
            finally:
                asking.end()
        return self._told(found, digest, course, asking, away)

    def _asking(self) -> Asking:
        """What asks and writes, from servers that stay; nothing is started yet."""
        fleet = self.setting.fleet
        stay = [server.name for server in fleet.servers if server.name not in self.hit]
        hit = sorted(self.watch.affected, key=lambda name: name not in self.watch.movable)
        hit = [self._frozen] if self._frozen is not None else hit
        return Asking(self.setting, self.before, stay=stay, hit=hit, directory=self.directory)

    def _unsteady(self, asking: Asking) -> list[str]:
        """Watch while nothing is broken; what is not as it must be."""
        steady = self.setting.drill.steady
        self.report.note(f"watching for {steady.window:g} s that all is steady")
        since = time.time()
        clock.sleep(steady.window)
        return asking.unsteady(steady, since=since)

    def _break(self, client: DockerClient, asking: Asking) -> _Course:
        """Arm the undo, make the fault, watch it, undo it."""
        drill = self.setting.drill
        if drill.repeat.phase == "random":
            clock.sleep(self.random.uniform(0.0, self.setting.fleet.swarm.heartbeat))
        course = _Course(held=self.ground.arm(self.work))
        if course.held:
            self.report.note(course.held)
        try:
            first = time.time()
            self.ground.begin(self.work)
            # Silence falls somewhere between asking for the fault and hearing that it is made.
            course.began = (first + time.time()) / 2
            self.report.note(f"broken; undone after {drill.fault.duration:g} s")
            self._observe(client, asking, course)
        finally:
            course.lasted = time.time() - course.began if course.began else 0.0
            self.report.note("undoing the fault")
            by = "the drill" if self.ground.undo() else "the lease's end"
            course.undone_by = course.undone_by or by
        return course

    def _observe(self, client: DockerClient, asking: Asking, course: _Course) -> None:
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
        """Take in what is seen. A look that hangs, as any does whose leader was lost, is left to
        itself (Swarm gives up after 20 s), and another one is begun."""
        looks = Looks(lambda: observe(client))
        while not over.wait(LOOK_SECONDS):
            for seen, moment in looks.more():
                self.watch.see(seen, moment - course.began)

    def _wait(self, asking: Asking, course: _Course) -> None:
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

    def _aborting(self, asking: Asking, course: _Course, at: float) -> list[str]:
        if self.ground.holder() is None:
            over = at >= self.setting.drill.lease
            course.undone_by = "the lease's end" if over else "somebody: `quorate drill stop`"
            return [f"undone by {course.undone_by}"]
        abort = self.setting.drill.abort
        found = []
        for name in self.watch.movable:
            if at > abort.downtime and name not in self.watch.running and self._moving:
                found.append(f"{name} has not been whole for {at:.0f} s")
        for each in self._figures(asking, course):
            errors = each.failed / each.sent if each.sent >= FEWEST else 0.0
            if each.bystander and errors > abort.bystander_errors:
                found.append(
                    f"{each.service}, which should notice nothing, fails at {each.vantage}"
                )
        if abort.lost_writes == "any":
            found += asking.writers.missing()
        return found

    def _figures(self, asking: Asking, course: _Course) -> tuple[Probed, ...]:
        ended = course.began + (course.lasted or time.time() - course.began)
        touched = frozenset(fate.service for fate in self.failure.fates)
        return asking.probed(began=course.began, ended=ended, touched=touched)

    def _until_back(self, client: DockerClient) -> list[str]:
        """Wait until every server is back in the swarm; those that are not in time, in words."""
        self.report.note("waiting until every server is back")
        deadline = clock.monotonic() + self.ground.patience
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
        return [f"{name} is not back after {self.ground.patience:.0f} s" for name in away]

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
        asking: Asking,
        away: Sequence[str],
    ) -> Run:
        watch, quorum = self.watch, self.outcome.quorum
        probes = self._figures(asking, course)
        writes = asking.written(began=course.began, ended=course.began + course.lasted)
        # Where nothing was to be lost, and nothing was, what ran there goes on.
        services = watch.recovered(self._predicted) if self._lost else ()
        phases = watch.phases(self._predicted)
        stood, why = verdict.resilience(self.setting.drill, services, probes, writes, quorum=quorum)
        if self._frozen is not None:
            silent = standstill.unanswered(self.setting.fleet, self._frozen, probes)
            stood, why = (Resilience.FAILED if silent else stood), (*why, *silent)
        expected = self._predicted.misled if self._predicted is not None else {}
        foreseen, off = verdict.agreement(phases, services, watch.misled, expected)
        if course.aborted:
            stood, why, foreseen, off = Resilience.ABORTED, (), Agreement.NONE, ()
        left = [*away, *self.ground.leftovers()]
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
            probes=probes,
            writes=writes,
            beats=tuple(watch.beats),
            guards=tuple(found),
            resilience=stood,
            agreement=foreseen,
            why=(*course.aborted, *why, *off, *(f"left behind: {each}" for each in left)),
            undone_by=course.undone_by,
            held=course.held,
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
