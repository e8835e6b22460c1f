"""The verb `status --deep` as its visible steps: look, look again, ask, mend, look once more.

Above `workflows`: one of its mends is `up`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from quorate import workflows
from quorate.backup.policy import quiesce
from quorate.backup.policy.quiesce import PREFIX
from quorate.deploy.lock import Settings, hold
from quorate.deploy.mend import Scene, mend
from quorate.deploy.progress import Reporter
from quorate.deploy.record import known_homes
from quorate.fleet.observed import Snapshot
from quorate.observe.connect import Connections
from quorate.observe.deep import decide, faults, lasting, may_pass
from quorate.observe.deep_facts import look
from quorate.observe.deep_model import Check, Finding, Kind
from quorate.observe.gather import gather
from quorate.observe.standing import Standing, assess
from quorate.tools import clock
from quorate.workflows import Opened, UpOptions

AGAIN_SECONDS = 4.0
"""Between two looks: longer than Swarm takes to tell its nodes of a task."""

MENDED_SECONDS = 90.0
VERB = "quorate status --mend"

Confirm = Callable[[Finding], bool]


@dataclass(frozen=True, kw_only=True)
class _Seen:
    standing: Standing
    findings: tuple[Finding, ...]


def deep_status(opened: Opened, *, report: Reporter) -> Standing:
    """How the fleet stands, with what a second look confirms of what the first one finds.

    Never raises for a server or a swarm that does not work: that is what it reports.
    """
    with Connections(opened.fleet) as connections:
        report.phase("looking at the servers")
        return _twice(connections, report)


def mend_all(opened: Opened, found: Standing, *, report: Reporter, confirm: Confirm) -> Standing:
    """Mend each fault that has a mend and is confirmed; how it stands then, and what was done.

    Raises:
        LockedError: somebody else changes the fleet.
        UnreachableError, EngineError, CommandError, DeployError: a mend failed.
    """
    chosen = [f for f in faults(found.findings or ()) if f.action is not None and confirm(f)]
    if not chosen:
        return found
    single = [f for f in chosen if f.action is not None and f.action.kind is not Kind.UP]
    if single:
        _mend(opened, single, report)
    if len(single) < len(chosen):
        workflows.up(
            opened,
            UpOptions(),
            report=report,
            confirm=lambda preview: True,
            started=datetime.now(UTC),
        )
    report.phase("looking again")
    after = _until_mended(opened, chosen, report)
    return after.model_copy(update={"mended": tuple(chosen)})


def _mend(opened: Opened, chosen: Iterable[Finding], report: Reporter) -> None:
    with _scene(opened, report) as scene:
        done = set()
        for finding in chosen:
            if finding.action is not None and finding.action not in done:
                report.phase(f"{finding.where}: {finding.action.kind}")
                mend(finding.action, scene)
                done.add(finding.action)


@contextmanager
def _scene(opened: Opened, report: Reporter) -> Iterator[Scene]:
    with Connections(opened.fleet) as connections:
        manager = connections.manager()
        with hold(manager.client, what=VERB, settings=Settings(say=report.note)):
            yield Scene(
                fleet=opened.fleet, connections=connections, manager=manager, say=report.note
            )


def _until_mended(opened: Opened, chosen: Iterable[Finding], report: Reporter) -> Standing:
    """Look until none of these is found any more, for a while: restarted tasks take their time."""
    keys = {finding.key for finding in chosen}
    deadline = clock.monotonic() + MENDED_SECONDS
    with Connections(opened.fleet) as connections:
        while clock.monotonic() < deadline:
            seen = _once(connections)
            if not keys & {finding.key for finding in faults(seen.findings)}:
                break
            clock.sleep(AGAIN_SECONDS)
        return _twice(connections, report)


def _twice(connections: Connections, report: Reporter) -> Standing:
    first = _once(connections)
    if not may_pass(first.findings):
        return first.standing
    report.phase("looking again, at what may be so for a moment")
    clock.sleep(AGAIN_SECONDS)
    second = _once(connections)
    findings = lasting(first.findings, second.findings)
    return second.standing.model_copy(update={"findings": findings})


def left_stopped(snapshot: Snapshot) -> Iterator[Finding]:
    """Services that a backup has stopped, and that nobody will start again. Pure."""
    listed = {service.id: service for service in snapshot.services}
    raw = [{"ID": one.id, "Spec": one.spec} for one in listed.values()]
    for one in quiesce.stale(raw, snapshot.taken_at):
        service = listed[one.id]
        former = quiesce.replicas_of(quiesce.resumed(service.spec, service.previous_spec))
        labels = " ".join(
            f"--label-rm {name}" for name in sorted(service.labels) if name.startswith(PREFIX)
        )
        yield Finding(
            check=Check.QUIESCE,
            where="swarm",
            subject=one.name,
            what=f"{one.name} was stopped by a backup that is dead: {one.why}",
            why="a service that was stopped for a backup stays so until somebody ends it",
            mend=f"`docker service update --detach --replicas {former} {labels} {one.name}`; "
            "`quorate serve` does it by itself",
        )


def _once(connections: Connections) -> _Seen:
    fleet = connections.fleet
    gathered = gather(connections)
    homes = known_homes(gathered.client, fleet=fleet.name) if gathered.client else {}
    snapshot = gathered.snapshot
    findings = (*decide(fleet, look(connections, gathered, homes)), *left_stopped(snapshot))
    standing = assess(fleet, gathered, homes)
    return _Seen(standing=standing.model_copy(update={"findings": findings}), findings=findings)
