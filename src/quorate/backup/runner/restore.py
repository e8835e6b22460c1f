"""A restore: one copy brought elsewhere, checked on the way; over its source only if told to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from quorate.backup import catalogue, proving_files
from quorate.backup.jobs.model import HOST, NOTHING_KEPT, Trouble
from quorate.backup.model import Kind, Manifest
from quorate.backup.place import Repository
from quorate.backup.runner import answers, kinds
from quorate.backup.runner.choosing import chosen
from quorate.backup.runner.placing import resolved
from quorate.backup.runner.recovered import recovered
from quorate.backup.runner.replayed import replayed
from quorate.backup.runner.setting import Outcome, Setting, require_room
from quorate.backup.tags import shown
from quorate.errors import MachineError, RepositoryError, UsageError
from quorate.tools.restic_errors import Reason


def restore(setting: Setting, there: Repository, outcome: Outcome) -> Trouble | None:
    """Restore a copy to where the job says; what is not as it was, if anything is not.

    A Postgres whose write-ahead log is `given` is restored out of that, to any moment.

    Raises:
        RefusedError: something is there already, or it is the source; nothing was changed.
        MachineError: it could not be restored.
    """
    job = setting.job
    if job.only and job.kind is not Kind.POSTGRES:
        raise UsageError(
            f"`only` is for databases of a Postgres, and {job.source} is none; nothing was changed",
            todo="restore the whole copy somewhere else, and take from there what is needed",
        )
    if job.target_path.startswith(f"{HOST}/"):
        setting = on_host(setting)
    if job.given and job.kind is Kind.POSTGRES and job.target_path:
        recovered(setting, outcome)
        return None
    if job.given and job.kind is Kind.POSTGRES:
        return replayed(setting, outcome)
    if job.moment is not None:
        raise UsageError("a copy has only the moment at which it was taken")
    copy = chosen(catalogue.read(there), there.name, job.snapshot, job.source)
    outcome.copies.append(copy)

    def fetch(into: Path) -> Manifest:
        require_room(into, copy.size)
        step = f"restore {copy.id[:8]} of {copy.source} from {there.name}"
        setting.say.step(step)
        damaged = proving_files.bring_back(there.restic, copy, into, setting.say.watch(step))
        manifest, wrong = proving_files.restored_manifest(there.restic, copy, into)
        if damaged or manifest is None:
            raise RepositoryError(
                f"the copy {copy.id[:8]} of {copy.source} in {there.name} is damaged",
                reason=Reason.DAMAGED,
                cause="\n".join(shown(damaged or wrong)),
                todo="restore another copy",
            )
        return manifest

    done = kinds.craft(copy.kind).restore(setting, copy, fetch)
    outcome.size = copy.size
    outcome.findings += done.findings
    return answers.different(copy, done.differences) if done.differences else None


def back(setting: Setting, outcome: Outcome) -> None:
    """Put back what a restore in place has kept aside; what it replaced stays aside.

    Raises:
        UsageError: nothing of that kind is kept aside, or the job does not say which.
        MachineError: it cannot be put back.
    """
    job = setting.job
    craft = kinds.craft(job.kind)
    if not job.aside or craft.back is None:
        raise UsageError(f"nothing of {job.source} was kept aside", todo="name it (`aside`)")
    setting.say.step(f"put back what was kept of {job.source}")
    outcome.findings += craft.back(setting).findings or (NOTHING_KEPT,)


def on_host(setting: Setting) -> Setting:
    """With the target on the server itself: made where it is not there yet."""
    root = Path(HOST)
    target = resolved(root, setting.job.target_path.removeprefix(HOST))
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(
            f"the directory /{target.relative_to(root)} cannot be made: {error.strerror}",
            todo="see that its disk is mounted and can be written",
        ) from error
    return replace(setting, job=setting.job.model_copy(update={"target_path": str(target)}))
