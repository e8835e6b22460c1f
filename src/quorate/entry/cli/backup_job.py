"""The command that a backup job's service runs: `quorate backup job`, told in its environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer


def job(
    spool: Path | None = typer.Option(None, "--spool", help="Where dumps lie meanwhile."),
) -> None:
    """Do the backup work that `QUORATE_JOB` tells of, and answer in JSON."""
    from quorate.backup.jobs.model import SPOOL, VARIABLE
    from quorate.backup.runner.run import read, run

    told = read(os.environ.get(VARIABLE))
    raise typer.Exit(run(told, spool or Path(SPOOL), sys.stdout, sys.stderr))
