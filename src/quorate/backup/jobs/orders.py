"""Each kind of job that works on copies, put together with all that its service needs. Pure.

One place for all who decide: the commands and the controller. Which copies, where and when is
theirs (`quorate.backup.policy.choices`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from quorate.backup.jobs.model import Job, Work
from quorate.backup.jobs.needs import Start, spool_mount
from quorate.backup.jobs.repositories import Reached, reached, start_of
from quorate.backup.jobs.whereabouts import Scene
from quorate.backup.model import Kind
from quorate.backup.policy.sources import planned

LONG_SECONDS = 12 * 3600.0
"""Copying everything off-site, or reading a whole repository, may take a night."""


def copy_start(
    scene: Scene, origin: str, target: str, *, server: str, run: str, sources: tuple[str, ...] = ()
) -> Start:
    """Bring the complete copies of some sources (empty: of all) from one repository to another.

    Raises:
        QuorateError: the server can be given no work.
    """
    way = reached(scene.fleet.backup.repository(origin), server)
    said = {"origin": way.at, "sources": sources}
    return _start(scene, Work.COPY, target, server, run, said, (way,))


def proof_start(
    scene: Scene,
    repository: str,
    *,
    server: str,
    run: str,
    source: str,
    kind: Kind,
    snapshot: str,
    deadline: float = LONG_SECONDS,
    work: Work = Work.PROVE,
) -> Start:
    """Prove one copy, or (`work`) rehearse a recovery with it, which is timed as a whole.

    Raises:
        QuorateError: the server can be given no work.
    """
    said = {"source": source, "kind": kind, "snapshot": snapshot, "deadline": deadline}
    return _start(scene, work, repository, server, run, said)


def restore_start(
    scene: Scene, repository: str, *, server: str, run: str, told: dict[str, Any]
) -> Start:
    """Restore a copy; `told` is what the job knows of it and its target.

    Raises:
        QuorateError: the server can be given no work.
    """
    return _start(scene, Work.RESTORE, repository, server, run, told)


def upkeep_start(scene: Scene, work: Work, repository: str, *, server: str, run: str) -> Start:
    """Apply retention to a repository (`forget`, by the policies), `prune` or `check` it.

    Raises:
        QuorateError: the server can be given no work.
    """
    said = {"keeps": _keeps(scene)} if work is Work.FORGET else {}
    return _start(scene, work, repository, server, run, said)


def deadline_of(scene: Scene, source: str) -> float:
    """How long a job of the source may take by its policy, in seconds."""
    for one in planned(scene.fleet):
        if one.source.id == source and one.policy is not None:
            return one.policy.deadline
    return LONG_SECONDS


def _keeps(scene: Scene) -> dict[str, object]:
    found = planned(scene.fleet)
    return {one.source.id: one.policy.keep for one in found if one.policy is not None}


def _start(
    scene: Scene,
    work: Work,
    repository: str,
    server: str,
    run: str,
    said: dict[str, Any],
    others: tuple[Reached, ...] = (),
) -> Start:
    fleet = scene.fleet
    node = scene.node(server)
    there = reached(fleet.backup.repository(repository), server)
    job = Job(
        work=work,
        run=run,
        fleet=fleet.name,
        server=server,
        repository=there.at,
        timezone=fleet.backup.timezone,
        deadline=LONG_SECONDS,
    ).model_copy(update=said)
    start = start_of(job, node.id, there, *others)
    # Dumps are restored there, and every job has a room of its own in it.
    return replace(start, mounts=(*start.mounts, spool_mount(fleet.backup)))
