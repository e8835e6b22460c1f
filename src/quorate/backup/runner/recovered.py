"""A Postgres brought to a moment out of its write-ahead log, into an empty directory."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from quorate.backup.runner.setting import Outcome, Setting
from quorate.backup.wal import recover
from quorate.errors import UsageError

OWNER = "999:999"
"""Who runs Postgres in the official image."""


def recovered(setting: Setting, outcome: Outcome) -> None:
    """Replay the log in `given` until `moment` (None: to its end) into `target_path`.

    Raises:
        UsageError: no directory is named.
        RefusedError: it is not empty.
        MachineError: that moment cannot be reached, or there is no room.
    """
    job = setting.job
    if not job.target_path:
        raise UsageError("a moment is restored into a directory: name it (`target_path`)")
    into = Path(job.target_path)
    setting.say.step(f"restore {job.source} to {_clock(job.moment) or 'the end of its log'}")
    owner = OWNER if os.geteuid() == 0 else None
    done = recover.restored(Path(job.given), into, job.moment, owner=owner)
    outcome.findings.append(
        f"base backup of {_clock(done.base.end)}, {done.segments} segments of the log replayed; "
        f"the last commit in it: {_clock(done.last) or 'none since the base backup'}"
    )
    outcome.findings.append(
        f"the files are user {OWNER}'s, the official image's: mount them as the data directory of "
        "a Postgres of the same major version"
    )
    if done.base.tablespaces:
        outcome.findings.append(
            f"tablespaces lie beside it, in {recover.tablespaces_of(into).name}: their links in "
            "pg_tblspc have to be set to where that is"
        )


def _clock(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else ""
