"""Items of the agenda as jobs to start. Pure.

Backups and lists of copies are made as for `quorate backup run`; what only the controller begins
(copies, proofs, upkeep of repositories) is put together here.
"""

from __future__ import annotations

from dataclasses import replace

from quorate.backup.jobs import decide
from quorate.backup.jobs.decide import Decision
from quorate.backup.jobs.model import Job, Work
from quorate.backup.jobs.needs import Start, spool_mount
from quorate.backup.jobs.repositories import reached, start_of
from quorate.backup.jobs.whereabouts import Scene
from quorate.backup.policy.agenda import Item
from quorate.backup.policy.sources import planned
from quorate.fleet.model import Fleet

LONG_SECONDS = 12 * 3600.0
"""Copying everything off-site, or reading a whole repository, may take a night."""


def start_for(scene: Scene, item: Item) -> Start:
    """The job for an item, with all that its service needs; its key is the item's.

    Raises:
        QuorateError: it cannot be started, with why.
    """
    match item.work:
        case Work.BACKUP:
            start = _only(decide.backups(scene, [item.source], due=item.due))
        case Work.CATALOGUE:
            start = _only(decide.catalogues(scene, [item.repository], due=item.due))
        case _:
            start = _made(scene, item)
    return replace(start, job=start.job.model_copy(update={"run": item.run}))


def _only(decision: Decision) -> Start:
    for one in decision.refused:
        raise one.error
    (start,) = decision.starts
    return start


def _made(scene: Scene, item: Item) -> Start:
    fleet = scene.fleet
    node = scene.node(item.server)
    there = reached(fleet.backup.repository(item.repository), item.server)
    ways = [there]
    job = Job(
        work=item.work,
        run=item.run,
        fleet=fleet.name,
        server=item.server,
        repository=there.at,
        timezone=fleet.backup.timezone,
        deadline=LONG_SECONDS,
    )
    if item.work is Work.COPY:
        origin = reached(fleet.backup.repository(item.origin), item.server)
        ways.append(origin)
        job = job.model_copy(update={"origin": origin.at})
    elif item.work is Work.FORGET:
        job = job.model_copy(update={"keeps": _keeps(fleet)})
    elif item.work is Work.PROVE:
        job = job.model_copy(update=_proof(fleet, item))
    start = start_of(job, node.id, *ways)
    # Dumps are restored there, and every job has a room of its own in it.
    return replace(start, mounts=(*start.mounts, spool_mount(fleet.backup)))


def _keeps(fleet: Fleet) -> dict[str, object]:
    return {one.source.id: one.policy.keep for one in planned(fleet) if one.policy is not None}


def _proof(fleet: Fleet, item: Item) -> dict[str, object]:
    one = next(one for one in planned(fleet) if one.source.id == item.source)
    said: dict[str, object] = {
        "source": item.source,
        "kind": one.source.kind,
        "snapshot": item.snapshot,
    }
    return said | ({"deadline": one.policy.deadline} if one.policy else {})
