"""Copies brought from one repository to another."""

from __future__ import annotations

from quorate.backup import copying
from quorate.backup.model import Snapshot
from quorate.backup.place import Repository
from quorate.backup.runner.setting import Outcome, Setting


def bring(setting: Setting, origin: Repository, into: Repository, outcome: Outcome) -> None:
    """Copy what is complete in `origin` and not in `into`.

    Raises:
        RepositoryError: a copy failed, the first of those that did; the others are there.
        UsageError: both repositories cannot be reached at once.
    """
    wanted = frozenset(setting.job.sources)

    def choose(copy: Snapshot) -> bool:
        return not wanted or copy.source in wanted

    step = f"copy from {origin.name} to {into.name}"
    setting.say.step(step)
    done = copying.copy_missing(origin, into, choose=choose, watch=setting.say.watch(step))
    outcome.copies += done.copies
    outcome.size = sum(copy.size for copy in done.copies)
    outcome.added = sum(copy.added for copy in done.copies)
    outcome.findings += [
        f"the copy {failure.copy.id[:8]} of {failure.copy.source} was not copied: "
        f"{failure.error.what}"
        for failure in done.failures
    ]
    if done.failures:
        raise done.failures[0].error
