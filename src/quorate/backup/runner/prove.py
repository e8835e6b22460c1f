"""A proof: one copy restored where it hurts nobody, compared, and the result recorded with it."""

from __future__ import annotations

from dataclasses import replace

from quorate.backup import catalogue, marking, proving_files
from quorate.backup.jobs.model import Trouble
from quorate.backup.model import Proof, Snapshot
from quorate.backup.place import Repository
from quorate.backup.policy.drops import size_drop, too_old
from quorate.backup.runner import answers, kinds
from quorate.backup.runner.choosing import chosen
from quorate.backup.runner.setting import Outcome, Setting, Tried, require_room
from quorate.tools import clock

DIRECTORY = "restored"


def prove(setting: Setting, there: Repository, outcome: Outcome) -> Trouble | None:
    """Prove a copy; what is wrong with it, if anything is.

    Raises:
        MachineError: it is not known whether the copy is good; nothing was recorded.
    """
    job = setting.job
    copies = catalogue.read(there)
    copy = chosen(copies, there.name, job.snapshot, job.source)
    require_room(setting.room, copy.size)
    tried = _try(setting, there, copy)
    proof = Proof(
        snapshot=copy.id,
        repository=there.name,
        at=clock.now(),
        ok=not tried.differences,
        seconds=tried.seconds,
        server=job.server,
        differences=tried.differences,
    )
    marking.record(there, proof)
    outcome.copies.append(replace(copy, proof=proof))
    outcome.size = copy.size
    outcome.findings += tried.findings
    looked_at = (
        size_drop(copy, copies),
        too_old(copies, copy.source, job.newest, clock.now()),
    )
    outcome.findings += filter(None, looked_at)
    return answers.different(copy, tried.differences) if tried.differences else None


def _try(setting: Setting, there: Repository, copy: Snapshot) -> Tried:
    into = setting.room / DIRECTORY
    into.mkdir(mode=0o700)
    step = f"restore {copy.id[:8]} of {copy.source} from {there.name}"
    setting.say.step(step)
    began = clock.monotonic()
    damaged = proving_files.bring_back(there.restic, copy, into, setting.say.watch(step))
    seconds = clock.monotonic() - began
    if damaged:
        return Tried(seconds=seconds, differences=damaged)
    manifest, wrong = proving_files.restored_manifest(there.restic, copy, into)
    if manifest is None:
        return Tried(seconds=seconds, differences=wrong)
    setting.say.step(f"compare {copy.id[:8]} of {copy.source} with what it was made of")
    tried = kinds.craft(copy.kind).prove(setting, into, manifest)
    return replace(tried, seconds=seconds + tried.seconds)
