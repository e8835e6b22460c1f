"""A Postgres in place at a moment: its log is replayed beside it, and what came of it restored.

The replayed server is a throw-away one on the log's own machine. What it has is dumped, and that
dump restored into the running server as a copy would be: what is there keeps its data under
another name (an empty server has nothing to keep, and gets the roles, too), and what was restored
is compared with what the moment had.
"""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

from quorate.backup.jobs.model import Trouble
from quorate.backup.policy import manifests
from quorate.backup.runner import answers, dumped, postgres
from quorate.backup.runner.setting import Outcome, Setting
from quorate.backup.sources.postgres import Postgres
from quorate.backup.wal import recover


def replayed(setting: Setting, outcome: Outcome) -> Trouble | None:
    """Bring the source to `moment` (None: the last) in place; what is not as it was then.

    With a `target` it goes into that empty server; with neither it is only tried, into another
    throw-away one.

    Raises:
        RefusedError: the server is not empty; nothing was changed.
        MachineError: that moment cannot be reached; nothing was changed.
    """
    job = setting.job
    words = f"{job.moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if job.moment else "its last"
    setting.say.step(f"replay the log of {job.source} to {words}")
    directory = setting.room / dumped.DIRECTORY
    with recover.tried(Path(job.given), job.moment, setting.room) as (server, done):
        source = Postgres(server=server, seconds=setting.left)
        manifest = source.dump(directory)
    last = f"{done.last.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if done.last else "none"
    outcome.findings.append(
        f"replayed {done.segments} segments of the log in {done.seconds:.0f} s; the last commit "
        f"in it since the base backup: {last}"
    )
    setting.say.step(f"restore {job.source} as it was at {words}")
    if job.in_place:
        tried = postgres.over(setting, directory)
        outcome.findings += tried.findings
        wrong = tried.differences
    elif job.target is not None:
        wrong = postgres.into_empty(setting, directory, manifest).differences
    else:
        wrong = manifests.compare(manifest, source.try_out(directory, setting.room))
    outcome.size = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
    return answers.not_as_then(job.source, words, wrong) if wrong else None
