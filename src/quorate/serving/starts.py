"""Items of the agenda as jobs to start. Pure.

They are made as the commands' are: `quorate backup run`, `copy`, `prove`, `prune`, `recover`.
"""

from __future__ import annotations

from dataclasses import replace

from quorate.backup.jobs import decide, orders
from quorate.backup.jobs.decide import Decision
from quorate.backup.jobs.model import Work
from quorate.backup.jobs.needs import Start
from quorate.backup.jobs.whereabouts import Scene
from quorate.backup.policy.agenda import Item
from quorate.backup.policy.sources import planned


def start_for(scene: Scene, item: Item) -> Start:
    """The job for an item, with all that its service needs; its key is the item's.

    Raises:
        QuorateError: it cannot be started, with why.
    """
    where, run = item.server, item.run
    match item.work:
        case Work.BACKUP:
            start = _only(decide.backups(scene, [item.source], due=item.due))
        case Work.CATALOGUE:
            start = _only(decide.catalogues(scene, [item.repository], due=item.due))
        case Work.COPY:
            return orders.copy_start(scene, item.origin, item.repository, server=where, run=run)
        case Work.PROVE | Work.REHEARSE:
            return _proof(scene, item)
        case _:
            return orders.upkeep_start(scene, item.work, item.repository, server=where, run=run)
    return replace(start, job=start.job.model_copy(update={"run": run}))


def _only(decision: Decision) -> Start:
    for one in decision.refused:
        raise one.error
    (start,) = decision.starts
    return start


def _proof(scene: Scene, item: Item) -> Start:
    one = next(one for one in planned(scene.fleet) if one.source.id == item.source)
    return orders.proof_start(
        scene,
        item.repository,
        server=item.server,
        run=item.run,
        source=item.source,
        kind=one.source.kind,
        snapshot=item.snapshot,
        deadline=orders.deadline_of(scene, item.source),
        work=item.work,
    )
