"""Services to other servers while they run: what `shift` decides, done to a live swarm."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from quorate.backup.quiesce import change
from quorate.deploy.election import ELECTION_SECONDS, through_election
from quorate.deploy.settle import Expectation, Outcome, Verdict, judge
from quorate.errors import CommandError, DeployError, NoQuorumError
from quorate.fleet.observed import Snapshot
from quorate.recover.maintenance import specs
from quorate.recover.maintenance.shift import Shift, Turn, expectation, turn
from quorate.recover.site import Site
from quorate.tools import clock, docker
from quorate.tools.command import last_lines

POLL_SECONDS = 0.25

Answer = TypeVar("Answer")
Edit = Callable[[Mapping[str, Any]], dict[str, Any]]


def patiently(site: Site, call: Callable[[], Answer]) -> Answer:
    """What `call` returns, asked again while the swarm elects a leader; it may run twice.

    Raises:
        QuorateError: its own, at once or when no leader was found in `ELECTION_SECONDS`.
    """
    deadline = clock.monotonic() + ELECTION_SECONDS
    while True:
        try:
            return through_election(call, site.report.note)
        except NoQuorumError:  # between two leaders a manager has no words for it yet
            if clock.monotonic() > deadline:
                raise
        clock.sleep(POLL_SECONDS)


def observed(site: Site) -> Snapshot:
    """The swarm as it is now, waited for while it elects a leader."""
    return patiently(site, site.snapshot)


def edit(site: Site, service: str, made: Edit) -> None:
    """Change a service's spec; `made` gives the new one from what it has, and may be asked again.

    Raises:
        EngineError: the swarm refuses.
    """

    def once() -> None:
        change(site.client(), service, lambda one: made(one["Spec"]))

    patiently(site, once)


@dataclass
class Gap:
    """How long nothing of a service ran, from when it last did to when it did again (seconds)."""

    longest: float = 0.0
    _last: datetime | None = None

    def look(self, serving: int, at: datetime) -> None:
        """What one observation saw."""
        if serving:
            if self._last is not None and self._absent:
                self.longest = max(self.longest, (at - self._last).total_seconds())
            self._last, self._absent = at, False
        else:
            self._absent = True

    _absent: bool = False


@dataclass
class _Run:
    """One shift while it is under way."""

    shift: Shift
    began: Expectation
    gap: Gap
    tries: int
    verdict: Verdict
    over: bool = False


def move(site: Site, shifts: Sequence[Shift]) -> dict[str, float]:
    """Bring services where they are to be, all of them at the same time, each task by task.

    Returns for each how long nothing of it ran, in seconds, as seen from a manager.

    Raises:
        DeployError: one does not become healthy there; it is as it was before, and runs where
            Swarm has put it. EngineError: the swarm refuses.
    """
    seen = observed(site)
    runs = [_begun(shift, seen) for shift in shifts]
    while True:
        for run in runs:
            if not run.over:
                _step(site, run, seen)
        site.report.services([run.verdict for run in runs])
        if all(run.over for run in runs):
            return {run.shift.service: round(run.gap.longest, 2) for run in runs}
        clock.sleep(POLL_SECONDS)
        seen = observed(site)


def _begun(shift: Shift, seen: Snapshot) -> _Run:
    began = expectation(shift, seen)
    verdict = judge(began, seen)
    return _Run(shift=shift, began=began, gap=Gap(), tries=len(shift.to), verdict=verdict)


def _step(site: Site, run: _Run, seen: Snapshot) -> None:
    shift, name = run.shift, run.shift.service
    live = seen.service(name)
    run.verdict = judge(run.began, seen)
    if live is not None:
        run.gap.look(len(seen.running(live)), seen.taken_at)
    steered = live is not None and specs.record_of(live.spec) is not None
    if steered and run.verdict.outcome is Outcome.FAILED:
        edit(site, name, specs.released)
        raise DeployError(
            f"{name} does not become healthy where it is to go",
            cause=run.verdict.detail or None,
            todo=f"see `quorate logs {name}`; then `quorate operations resume`, or `undo`",
        )
    match turn(shift, seen, run.verdict, tries=run.tries):
        case Turn.NOTHING:
            run.over = True
        case Turn.STEER:
            hosts = [node.hostname for node in seen.nodes]
            made = partial(
                specs.steered,
                constraints=shift.constraints(hosts),
                start_first=shift.start_first,
            )
            edit(site, name, made)
            run.began = expectation(shift, seen)
        case Turn.CROWD:
            run.tries -= 1
            edit(site, name, partial(specs.crowded, more=1))
            run.began = expectation(shift, seen)
        case Turn.THIN:
            edit(site, name, partial(specs.crowded, more=0))
            run.began = expectation(shift, seen)
        case Turn.RELEASE:
            if live is not None and not shift.reached(run.verdict.where):
                site.report.note(f"{name}: Swarm has put it on {', '.join(run.verdict.where)}")
            edit(site, name, specs.released)
            run.over = True


def hand_over(site: Site, service: str, server: str, command: str) -> None:
    """Run the command by which a service hands over, in its task on a server.

    Where it has none there any more, it has nothing to hand over.

    Raises:
        CommandError: the command failed, in its last words.
    """
    seen = observed(site)
    live = seen.service(service)
    nodes = {node.id for node in seen.nodes if node.hostname == server}
    there = [
        task
        for task in seen.tasks
        if live is not None
        and task.service_id == live.id
        and task.node_id in nodes
        and task.state == "running"
        and task.container_id
    ]
    for task in there:
        client = site.engine(server)
        code, said = docker.execute(client, str(task.container_id), ["sh", "-c", command])
        if code != 0:
            raise CommandError(
                f"{service} does not hand over: its `switchover` ended with exit code {code}",
                cause=last_lines(said) or None,
                todo="see whether its replica is whole; then `quorate operations resume`, or "
                "`undo`. The command is in its `x-quorate`",
            )


def stop(site: Site, service: str, server: str, *, seconds: float) -> None:
    """Scale a service to 0, with a record of it, and wait until none of its tasks runs.

    Raises:
        DeployError: it does not end. EngineError: the swarm refuses.
    """
    edit(site, service, partial(specs.stopped, server=server))
    deadline = clock.monotonic() + seconds + 60.0
    while (live := (seen := observed(site)).service(service)) is not None:
        ready = {node.id for node in seen.nodes if node.ready}
        left = [
            task
            for task in seen.tasks
            if task.service_id == live.id
            and task.node_id in ready
            and task.state in ("starting", "running", "preparing", "ready", "accepted")
        ]
        if not left:
            return
        if clock.monotonic() > deadline:
            raise DeployError(
                f"{service} has not stopped within {seconds + 60:.0f} s",
                cause="its program does not end when it is told to, or its server hangs",
                todo="look at its log, then `quorate operations resume`, or `undo`",
            )
        clock.sleep(POLL_SECONDS)


def start(site: Site, service: str, *, patience: float) -> None:
    """End that: as many replicas as before, and wait until they are healthy.

    Raises:
        DeployError: they do not become healthy. EngineError: the swarm refuses.
    """
    edit(site, service, specs.started)
    seen = observed(site)
    began = Expectation(swarm_name=service, since=seen.taken_at, patience=patience)
    while seen.service(service) is not None:
        verdict = judge(began, seen)
        site.report.services([verdict])
        if verdict.outcome is Outcome.HEALTHY:
            return
        if verdict.outcome is Outcome.FAILED:
            raise DeployError(
                f"{service} does not become healthy again",
                cause=verdict.detail or None,
                todo=f"see `quorate logs {service}`; then `quorate operations resume`",
            )
        clock.sleep(POLL_SECONDS)
        seen = observed(site)
