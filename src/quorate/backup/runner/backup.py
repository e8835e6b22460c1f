"""A backup: the source gathered, stored, verified; and looked at beside its former copies."""

from __future__ import annotations

from quorate.backup import catalogue, repository
from quorate.backup.place import Repository
from quorate.backup.policy.drops import size_drop
from quorate.backup.runner import kinds, room
from quorate.backup.runner.hooked import hooked
from quorate.backup.runner.saying import log
from quorate.backup.runner.setting import Outcome, Setting


def backup(setting: Setting, into: Repository, outcome: Outcome) -> None:
    """Back the source up; a run that is complete already is not run again.

    Raises:
        LockedError: another job is at this source here.
        MachineError: it could not be gathered or stored; nothing counts then.
    """
    job = setting.job
    craft = kinds.craft(job.kind)
    before = catalogue.read(into)
    known = repository.of_run(before, setting.source.id, job.run)
    if known is not None:
        log.info("the run %s is complete already: %s", job.run, known.id[:8])
        outcome.copies.append(known)
        return
    with (
        room.alone(setting.room.parent, job.source, job.run, job.deadline),
        hooked(setting),
        craft.gather(setting) as payload,
    ):
        step = f"store {job.source} in {into.name}"
        setting.say.step(step)
        copy = repository.store(into, payload, watch=setting.say.watch(step))
        outcome.copies.append(copy)
    outcome.size, outcome.added = copy.size, copy.added
    outcome.findings += payload.manifest.findings
    if drop := size_drop(copy, before):
        outcome.findings.append(drop)
