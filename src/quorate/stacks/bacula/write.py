"""A rendered Bacula configuration as files, and as a report for programs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from quorate.errors import QuorateError
from quorate.stacks.bacula.direction import job_name
from quorate.stacks.bacula.model import Bacula, BaculaReport, JobReport, PoolReport

RUNNABLE = ("install.sh", "passwords.sh", "fresh-dumps")


def write(rendered: Bacula, directory: Path) -> tuple[Path, ...]:
    """Write DIR/<server>/… and the files for this machine; returns what was written.

    Passwords that `passwords.sh` put there stay.

    Raises:
        QuorateError: the directory or a file cannot be written.
    """
    texts = {Path(name): text for name, text in rendered.common.items()}
    for server, files in rendered.servers.items():
        texts |= {Path(server, name): text for name, text in files.items()}
    written = []
    try:
        for name, text in texts.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            if name.name in RUNNABLE:
                path.chmod(0o755)
            written.append(path)
    except OSError as error:
        raise QuorateError(
            f"Bacula's files cannot be written to {directory}",
            cause=error.strerror or str(error),
            todo="choose a directory that you may write to with -o",
        ) from error
    return tuple(written)


def report(rendered: Bacula, written: Iterable[Path], directory: Path) -> BaculaReport:
    """What was written, for programs."""
    return BaculaReport(
        fleet=rendered.fleet,
        directory=str(directory),
        director=rendered.roles.director,
        storage=rendered.roles.storage,
        archive=rendered.roles.archive,
        room=rendered.roles.room,
        files=tuple(path.relative_to(directory).as_posix() for path in written),
        jobs=tuple(
            JobReport(
                name=job_name(item),
                part=item.part,
                server=item.server,
                files=item.files,
                exclude=item.exclude,
                size=item.size,
                daily=item.daily,
            )
            for item in rendered.filesets
        ),
        pools={
            pool.name: PoolReport(
                retention_days=pool.retention,
                volume_bytes=pool.size,
                volumes=pool.count,
                need=pool.need,
            )
            for pool in rendered.pools
        },
        findings=rendered.findings,
        steps=rendered.steps,
    )
